"""Where the defect is: heat maps against marked pixels, and how large what stands out is."""
