"""What a benchmark has found: a table for people, JSON for scripts."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / ".billingos" / "bench"


@dataclass(frozen=True, slots=True)
class Goal:
    """`ratio` must be at least `least`, or at most `most`."""

    least: float | None = None
    most: float | None = None

    def met_by(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


@dataclass
class Report:
    """`rows` are what was measured, as columns; `ratios` are judged by the goals of the same name."""

    name: str
    goals: dict[str, Goal]
    ratios: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def met(self) -> bool:
        return all(name in self.ratios and goal.met_by(self.ratios[name]) for name, goal in self.goals.items())

    def print(self) -> None:
        print(f"\n{self.name}\n")
        _print_table(self.rows)
        print()
        judged = [
            {
                "ratio": name,
                "value": f"{self.ratios[name]:.2f}",
                "goal": str(goal),
                "met": _yes(goal, self.ratios[name]),
            }
            for name, goal in self.goals.items()
            if name in self.ratios
        ]
        _print_table(judged)

    def write(self) -> Path:
        """`.billingos/bench/<name>.json`."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        goals = {name: str(goal) for name, goal in self.goals.items()}
        found = {"name": self.name, "ratios": self.ratios, "goals": goals, "met": self.met, "rows": self.rows}
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"\nwritten: {path}")
        return path


def _yes(goal: Goal, value: float) -> str:
    return "yes" if goal.met_by(value) else "no"


def _print_table(rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_shown(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(names))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _shown(value: Any) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
