"""Pins that a change adds, and what is known about them, from a file on this machine."""

from .advisories import Advisories, Advisory, import_osv
from .manifests import Pin, changed_pins, is_manifest

__all__ = ["Advisories", "Advisory", "Pin", "changed_pins", "import_osv", "is_manifest"]
