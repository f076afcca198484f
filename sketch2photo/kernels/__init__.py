"""Convolutions written for the machine at hand, and the settings of the process that they were measured with."""
