"""What `workbook bill` shows: the reading of exports, tables, JSON and a page."""
