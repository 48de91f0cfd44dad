"""Linear programs with whole variables, put to HiGHS: built row by row, solved the same way every time."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from novate.risk.errors import RiskError

INFINITY: Final = math.inf


def highs() -> Any:
    """The solver's module, imported when it is first needed. Raises ``ModuleNotFoundError`` that says how to get it."""
    try:
        import highspy
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "the optimiser needs highspy, which is not installed: pip install 'novate[optimise]'", name=missing.name
        ) from missing
    return highspy


class Program:
    """Minimise a linear cost of variables that rows bound from both sides."""

    def __init__(self) -> None:
        self._costs: list[float] = []
        self._bounds: list[tuple[float, float]] = []
        self._whole: list[bool] = []
        self._sides: list[tuple[float, float]] = []
        self._rows: list[tuple[NDArray[np.int32], NDArray[np.float64]]] = []

    def variables(
        self, count: int, *, cost: float = 0.0, least: float = 0.0, most: float = INFINITY, whole: bool = False
    ) -> NDArray[np.int32]:
        """So many variables alike; answers their numbers."""
        first = len(self._costs)
        self._costs += [cost] * count
        self._bounds += [(least, most)] * count
        self._whole += [whole] * count
        return np.arange(first, first + count, dtype=np.int32)

    def row(
        self, columns: Sequence[int] | NDArray[np.int32], factors: Sequence[float] | NDArray[np.float64],
        *, least: float = -INFINITY, most: float = INFINITY,
    ) -> None:  # fmt: skip
        """least <= sum of factors x variables <= most."""
        self._rows.append((np.asarray(columns, np.int32), np.asarray(factors, np.float64)))
        self._sides.append((least, most))

    def solved(self, *, gap: float = 0.0, nodes_max: int = 100_000) -> list[float] | None:
        """The variables at the least cost, within a ``gap`` of it as a part, or None where nothing fits all rows.

        One thread and a fixed seed: the same program gives the same answer. RiskError where the search visits
        ``nodes_max`` nodes without an end.
        """
        module = highs()
        solver = module.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("mip_rel_gap", gap)):
            solver.setOptionValue(option, value)
        solver.setOptionValue("mip_max_nodes", nodes_max)
        solver.passModel(self._model(module))
        solver.run()
        status, statuses = solver.getModelStatus(), module.HighsModelStatus
        if status == statuses.kOptimal:
            return list(solver.getSolution().col_value)
        if status in (statuses.kInfeasible, statuses.kUnboundedOrInfeasible):
            return None
        raise RiskError(
            f"stopped at {solver.modelStatusToString(status)}: allow more than {nodes_max} nodes, or ask less"
        )

    def _model(self, module: Any) -> Any:
        model = module.HighsLp()
        model.num_col_, model.num_row_ = len(self._costs), len(self._rows)
        model.col_cost_ = np.array(self._costs)
        model.col_lower_, model.col_upper_ = (np.array(side) for side in zip(*self._bounds, strict=True))
        model.row_lower_, model.row_upper_ = (np.array(side) for side in zip(*self._sides, strict=True))
        model.a_matrix_.format_ = module.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *(len(columns) for columns, _ in self._rows)], dtype=np.int32)
        model.a_matrix_.index_ = np.concatenate([columns for columns, _ in self._rows])
        model.a_matrix_.value_ = np.concatenate([factors for _, factors in self._rows])
        kinds = module.HighsVarType
        model.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in self._whole]
        return model
