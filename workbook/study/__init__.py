"""How to study with the workbook: paths by time, where somebody stands in them, what every notebook has in common."""
