"""Sets of moves: recorded, filtered, drawn, or laid out as a grid. Each function gives ``factors.Scenarios``."""
