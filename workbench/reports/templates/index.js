for (const head of document.querySelectorAll("th:not([data-plain])")) {
  head.onclick = () => {
    const up = head.getAttribute("aria-sort") !== "ascending", column = head.cellIndex;
    const body = document.querySelector("tbody");
    const key = (row) => row.cells[column].dataset.key ?? row.cells[column].innerText;
    const order = (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
    const number = (row) => (key(row) === "" ? NaN : Number(key(row)));
    const rows = [...body.rows].sort((a, b) => {
      const x = number(a), y = number(b);
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
      return (isNaN(x - y) ? order(a, b) : x - y) * (up ? 1 : -1);
    });
    document.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  };
}
