"""How the widgets look: one style sheet that follows the light or dark theme of JupyterLab."""

OK, NG = "#0072B2", "#C24E00"  # the two colours of the plots, NG darker for white text on it

CSS = """
.wb-view { max-width: 1180px; padding: 14px 18px 10px; box-sizing: border-box;
  border: 1px solid var(--jp-border-color2, #d0d7de); border-radius: 8px;
  background: var(--jp-layout-color1, #fff); color: var(--jp-ui-font-color1, #1f2328);
  --wb-ok: #0072B2; --wb-ng: #C24E00; --wb-soft: var(--jp-layout-color2, #f3f4f6);
  --wb-line: var(--jp-border-color2, #d0d7de); --wb-dim: var(--jp-ui-font-color2, #57606a); }
.wb-view .widget-html-content { line-height: 1.45; font-size: 14px; }
.wb-view .widget-html, .wb-view .widget-html-content { overflow: visible; }
.wb-head { display: flex; align-items: baseline; gap: 14px; padding-bottom: 6px;
  border-bottom: 1px solid var(--wb-line); }
.wb-head b { font-size: 17px; }
.wb-head .wb-position { font-variant-numeric: tabular-nums; font-size: 17px; margin-left: auto; }
.wb-head .wb-name { color: var(--wb-dim); overflow-wrap: anywhere; }
.wb-note { font-size: 12px; padding: 1px 8px; border-radius: 10px; color: var(--wb-dim);
  border: 1px dashed var(--wb-dim); }
.wb-view .wb-photos { display: grid; grid-template-columns: 1fr 1fr 74px; gap: 4px 12px;
  margin: 8px 0 4px; }
.wb-photos > * { margin: 0; min-width: 0; }
.wb-image { background: var(--wb-soft); border-radius: 6px; }
.wb-caption { font-size: 12px; color: var(--wb-dim); }
.wb-scale { display: flex; height: 380px; gap: 6px; font-size: 12px;
  font-variant-numeric: tabular-nums; color: var(--wb-dim); }
.wb-scale img { width: 16px; height: 100%; border-radius: 4px; }
.wb-scale div { display: flex; flex-direction: column; justify-content: space-between; }
.wb-view .wb-facts { display: grid; grid-template-columns: 150px 1fr 1.25fr;
  gap: 14px; align-items: stretch; }
.wb-view .wb-facts { margin-top: 10px; }
.wb-facts > * { margin: 0; min-width: 0; }
.wb-verdict { display: flex; align-items: center; justify-content: center; gap: 2px;
  height: 128px; flex-direction: column; border-radius: 8px; color: #fff; font-size: 38px;
  line-height: 1.15; font-weight: 700; }
.wb-verdict svg { width: 42px; height: 42px; }
.wb-verdict small { font-size: 17px; font-weight: 600; line-height: 1.1; }
.wb-verdict.wb-ok { background: var(--wb-ok); } .wb-verdict.wb-ng { background: var(--wb-ng); }
.wb-verdict.wb-none { background: var(--wb-soft); color: var(--wb-dim); font-size: 20px; }
.wb-view table.wb-table { border-collapse: collapse; width: 100%; margin: 0;
  font-variant-numeric: tabular-nums; }
.wb-view .wb-table th, .wb-view .wb-table td { padding: 4px 10px; text-align: left;
  border-bottom: 1px solid var(--wb-line); font-weight: 400; background: none; }
.wb-view .wb-table th { color: var(--wb-dim); white-space: nowrap; }
.wb-view .wb-table td { text-align: right; white-space: nowrap; }
.wb-view .wb-table tr:last-child > * { border-bottom: none; }
.wb-outcome { display: inline-block; padding: 1px 10px; border-radius: 10px; font-weight: 600;
  border: 1.5px solid var(--wb-line); }
.wb-outcome.wb-missed, .wb-outcome.wb-overkill { color: #fff; }
.wb-outcome.wb-missed { background: var(--wb-ng); border-color: var(--wb-ng); }
.wb-outcome.wb-overkill { background: var(--wb-ok); border-color: var(--wb-ok); }
.wb-controls { gap: 8px; align-items: center; margin: 10px 0 2px; flex-wrap: wrap; }
.wb-controls > * { margin: 0; }
.wb-controls .jupyter-button { border-radius: 6px; height: 34px; line-height: 34px; }
.wb-controls .jupyter-button.mod-primary { background: var(--wb-ok);
  color: #fff; }
.wb-facts .wb-why { grid-column: 1 / -1; min-height: 76px; }
.wb-reasons { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 24px; }
.wb-list { margin: 2px 0 6px; padding-left: 18px; font-size: 13px; }
.wb-share { display: flex; align-items: center; gap: 6px; font-size: 12px;
  font-variant-numeric: tabular-nums; color: var(--wb-dim); }
.wb-share span { width: 100px; } .wb-share i { height: 8px; background: var(--wb-ok); }
.wb-view:focus-visible { outline: 3px solid var(--wb-ok); outline-offset: 2px; }
.wb-view .wb-photos img { touch-action: none; cursor: grab; }
.wb-histogram svg { touch-action: none; user-select: none; }
.wb-controls .jupyter-button:focus-visible, .wb-view .noUi-handle:focus-visible {
  outline: 3px solid var(--wb-ok); outline-offset: 1px; }
.wb-status { border-top: 1px solid var(--wb-line); padding-top: 5px; margin: 6px 0 0;
  width: 100%; }
.wb-say { color: var(--wb-dim); font-size: 13px; overflow-wrap: anywhere; }
.wb-say.wb-error { color: var(--jp-ui-font-color1, #1f2328); font-weight: 600; padding-left: 10px;
  border-left: 5px solid var(--wb-ng); }
.wb-chart text { fill: var(--wb-dim); font-size: 12px; font-family: inherit; }
.wb-chart .wb-strong { fill: var(--jp-ui-font-color1, #1f2328); font-weight: 600; }
.wb-chart .wb-mark { stroke: var(--jp-ui-font-color1, #1f2328); }
.wb-chart .wb-fill { fill: var(--jp-ui-font-color1, #1f2328); }
.wb-view .wb-three { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: 4px 12px; }
.wb-three > * { margin: 0; min-width: 0; }
.wb-chart .wb-chosen { fill: var(--jp-ui-font-color1, #1f2328); opacity: .12; }
.wb-line { cursor: ew-resize; }
.wb-view .wb-two { grid-template-columns: 1fr 1fr; }
@media (max-width: 1000px) { .wb-view .wb-facts { grid-template-columns: 1fr 1fr; } }
"""

ICONS = {
    "OK": '<path d="M10 22 l8 8 l16 -19"/>',
    "NG": '<path d="M12 12 l20 20 M32 12 l-20 20"/>',
}


def icon(verdict: str) -> str:
    """A tick or a cross in a ring, as SVG: the verdict must not hang on colour alone."""
    return (
        '<svg viewBox="0 0 44 44" fill="none" stroke="currentColor" stroke-width="4" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
        f'<circle cx="22" cy="22" r="19"/>{ICONS[verdict]}</svg>'
    )
