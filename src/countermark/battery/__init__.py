"""The standard tests as data, one folder each, and the loader that refuses a malformed one."""

from countermark.battery.exemplars import Exemplar, Step
from countermark.battery.loader import Battery, BatteryTest, load_battery
from countermark.battery.stage import Stage

__all__ = ["Battery", "BatteryTest", "Exemplar", "Stage", "Step", "load_battery"]
