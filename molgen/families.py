"""Families: things that a recipe names by their kind, and the options that each understands."""

import dataclasses
import inspect
import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from molgen.config import Part, choices
from molgen.errors import UsageError

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def choose(family: Mapping[str, T], name: str, what: str) -> T:
    """The member of a family by name.

    Raises:
        UsageError: there is none of that name; a close one is suggested.
    """
    if name not in family:
        raise UsageError(f"no {what} '{name}'{choices(name, family)}")
    return family[name]


def part_of(text: str, where: str) -> Part:
    """What `NAME[,OPTION=VALUE...]` says, such as `feynman-kac,every=2`.

    Args:
        text: as given.
        where: for messages, such as `--steering`.

    Raises:
        UsageError: an option without a value.
    """
    name, *words = text.split(",")
    options: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{where} {text}: '{word}' is not OPTION=VALUE")
        options[key.strip()] = value.strip()
    return Part(kind=name.strip(), options=options)


def named(
    text: str, family: Mapping[str, F], what: str, given: Collection[str]
) -> tuple[F, dict[str, Any]]:
    """The member of a family that `NAME[,OPTION=VALUE...]` names, and its options by their types.

    Args:
        text: as given.
        family: functions by name; their keyword arguments are the options.
        what: they are, for messages.
        given: names of arguments that the program supplies.

    Raises:
        UsageError: no such member or option, or a value that is not of its type.
    """
    part = part_of(text, what)
    member = choose(family, part.kind, what)
    return member, options_of(part, member, what, given)


def build(part: Part, family: Mapping[str, Callable[..., T]], where: str, **given: Any) -> T:
    """The object a part describes: `family[part.kind](**given, **part.options)`.

    Args:
        part: kind and options from the recipe.
        family: kind -> class or function; its keyword arguments are the options it understands.
        where: file and table, for messages, such as `a.toml [model]`.
        given: arguments the program supplies; the recipe may not set them.

    Raises:
        UsageError: unknown kind, unknown option (a close one is suggested), missing option, or a
            value that is not of the type that the family's member declares.
    """
    if part.kind not in family:
        raise UsageError(f"{where}: no kind '{part.kind}'{choices(part.kind, family)}")
    make = family[part.kind]
    return make(**given, **options_of(part, make, where, given))


def options_of(
    part: Part, make: Callable[..., Any], where: str, given: Collection[str]
) -> dict[str, Any]:
    """The options of a part as the types that a class or function declares for them.

    Args:
        part: kind and options from the recipe.
        make: what understands them.
        where: file and table, for messages.
        given: names of arguments that the program supplies.

    Raises:
        UsageError: unknown option (a close one is suggested), missing option, or a value that is
            not of its type.
    """
    parameters = inspect.signature(make).parameters
    allowed = [name for name in parameters if name not in given]
    for key in part.options:
        if key not in allowed:
            near = choices(
                key, [*allowed, *(own for own in type(part).model_fields if own != "options")]
            )
            raise UsageError(f"{where}: {part.kind} has no key '{key}'{near}")
    for name in allowed:
        if parameters[name].default is inspect.Parameter.empty and name not in part.options:
            raise UsageError(f"{where}: {part.kind} needs a value for '{name}'")
    return _typed(make, part.options, where)


def _typed(make: Callable[..., Any], options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Options as the types that a class or function declares for them; lists become tuples."""
    plain_class = isinstance(make, type) and not dataclasses.is_dataclass(make)
    hints = get_type_hints(getattr(make, "__init__") if plain_class else make, include_extras=True)  # noqa: B009
    values = dict(options)
    for key, value in options.items():
        try:
            values[key] = TypeAdapter(hints.get(key, Any)).validate_python(value)
        except ValidationError as error:
            message = error.errors(include_url=False)[0]["msg"].lower()
            raise UsageError(f"{where}: {key} = {reprlib.repr(value)}: {message}") from None
    return values
