"""Put one scenario to one subject: single turn, scripted dialogue, simulated tools, model-led attacker."""

from countermark.drivers.registry import Driver, load_driver
from countermark.drivers.talk import Talk

__all__ = ["Driver", "Talk", "load_driver"]
