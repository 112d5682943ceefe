"""Does what was read have the shape of the schema? Unknown keys and wrong types, each with its path.

msgspec stops at the first error and does not name the keys of a mapping, so a file that does not convert is walked here
once more. What is wrong is left out of the copy, and the cross checks can still look at the rest.
"""

import math
from datetime import date, datetime
from typing import Any

import msgspec

from lethe.config.problems import ConfigPath, Findings, choice, nearest
from lethe.config.schema import File, RawTable

_MISSING: Any = object()
_LARGEST = 2**53


def shaped(data: RawTable, found: Findings) -> File:
    """The file as far as it has the right shape; the rest goes to `found`."""
    try:
        return msgspec.convert(data, File, builtin_types=(date,))
    except msgspec.ValidationError:
        from msgspec import inspect  # not needed for a file without mistakes

        kept = _Walk(inspect, found).value(inspect.type_info(File), data, ())
        return msgspec.convert(kept, File, builtin_types=(date,))


class _Walk:
    """One walk over the data along the schema's types."""

    def __init__(self, inspect: Any, found: Findings) -> None:
        self._types = inspect
        self._found = found

    def value(self, kind: Any, value: Any, path: ConfigPath) -> Any:
        """What of the value fits; _MISSING if nothing does."""
        types = self._types
        match kind:
            case types.StructType():
                return self._table(kind, value, path)
            case types.DictType():
                return self._mapping(kind, value, path)
            case types.VarTupleType():
                return self._list(kind, value, path)
            case types.UnionType():
                options = [option for option in kind.types if not isinstance(option, types.NoneType)]
                if len(options) == 1:
                    return self.value(options[0], value, path)
                fits = any(self._fits(option, value) for option in options)
                return self._scalar(value, " or ".join(self._word(option) for option in options), path, fits=fits)
            case _:
                return self._scalar(value, self._word(kind), path, fits=self._fits(kind, value))

    def _table(self, kind: Any, value: Any, path: ConfigPath) -> RawTable:
        if not isinstance(value, dict):
            self._found.problem(path, "must be a table")
            for field in kind.fields:  # that nothing of it is there goes without saying
                self._found.excuse((*path, field.encode_name))
            return {}
        fields = {field.encode_name: field.type for field in kind.fields}
        kept = {}
        for name, inner in value.items():
            if name not in fields:
                self._unknown(name, list(fields), path)
                continue
            fitting = self.value(fields[name], inner, (*path, name))
            if fitting is not _MISSING:
                kept[name] = fitting
        return kept

    def _unknown(self, name: str, valid: list[str], path: ConfigPath) -> None:
        self._found.problem((*path, name), "unknown key", choice(name, valid))
        if near := nearest(name, valid):  # then that one is not missing, only misspelt
            self._found.excuse((*path, near.removeprefix("did you mean ").removesuffix("?")))

    def _mapping(self, kind: Any, value: Any, path: ConfigPath) -> RawTable:
        if not isinstance(value, dict):
            self._found.problem(path, "must be a table")
            return {}
        return {name: self.value(kind.value_type, inner, (*path, name)) for name, inner in value.items()}

    def _list(self, kind: Any, value: Any, path: ConfigPath) -> Any:
        if not isinstance(value, list):
            what = "tables" if isinstance(kind.item_type, self._types.StructType) else "text"
            self._found.problem(path, f"must be a list of {what}")
            return _MISSING
        kept = [self.value(kind.item_type, inner, (*path, n)) for n, inner in enumerate(value)]
        return _MISSING if any(item is _MISSING for item in kept) else kept

    def _scalar(self, value: Any, word: str, path: ConfigPath, *, fits: bool) -> Any:
        if fits:
            return value
        self._found.problem(path, f"must be {word}")
        return _MISSING

    def _fits(self, kind: Any, value: Any) -> bool:
        types = self._types
        match kind:
            case types.StrType():
                return isinstance(value, str)
            case types.IntType():
                return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
            case types.FloatType():
                number = isinstance(value, int | float) and not isinstance(value, bool)
                return number and math.isfinite(value) and abs(value) < _LARGEST
            case types.DateType():
                return isinstance(value, date) and not isinstance(value, datetime)
            case _:
                raise TypeError(f"the schema has no place for {type(kind).__name__}")

    def _word(self, kind: Any) -> str:
        words = {
            "StrType": "text",
            "IntType": "a whole number",
            "FloatType": "a number",
            "DateType": "a date as 2027-03-01, without quotes",
        }
        return words[type(kind).__name__]
