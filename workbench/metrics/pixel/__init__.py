"""Where the defect is: heat maps against marked pixels."""

from workbench.metrics.pixel.aupimo import aupimo
from workbench.metrics.pixel.curves import aupro, pixel_auroc
from workbench.metrics.pixel.maps import Area

__all__ = ["Area", "aupimo", "aupro", "pixel_auroc"]
