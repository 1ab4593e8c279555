__version__ = "0.2.0"

from .instruction_set import fix_instruction_set

fix_instruction_set()   # before anything imports numpy or torch
