"""Rows written as files that other programs read: CSV, and the annotation formats of COCO and YOLO."""
