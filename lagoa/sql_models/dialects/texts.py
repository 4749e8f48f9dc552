"""Functions of texts."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from lagoa.sql_models.dialects.regexps import pattern_for_all, replacement_for_all
from lagoa.sql_models.dialects.target import family, literal, number, refuse, require

if TYPE_CHECKING:
    from sqlglot import exp

    from lagoa.sql_models.dialects.target import Family, Target

_TEXT: frozenset[Family] = frozenset({"text"})
_SPACES = " \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
"""What DuckDB's trim() takes away: all space separators of Unicode, and no tab or line break."""
_FORMATS = {
    "%Y": ("yyyy", "%Y"), "%m": ("MM", "%m"), "%d": ("dd", "%d"), "%H": ("HH", "%H"), "%M": ("mm", "%i"),
    "%S": ("ss", "%s"),
}  # fmt: skip
_BETWEEN = set("-/:. _")


def text_of(value: str) -> exp.Expr:
    """Return a literal text."""
    from sqlglot import exp

    return exp.Literal.string(value)


def change_case(node: exp.Expr, to: Target) -> exp.Expr:
    """Write lower() and upper(), letter by letter: Spark makes SS of ß, and another letter of a Σ that ends a word."""
    require(node.this, _TEXT, f"{node.key}()", "Cast it to varchar.")
    if node.key == "upper":
        return to.say("UPPER(REPLACE(:x, 'ß', 'ẞ'))", x=node.this)
    return to.pick(spark="LOWER(REPLACE(:x, 'Σ', '\u03c3'))", trino="LOWER(:x)", x=node.this)


def join_texts(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass a || b of texts."""
    for each in (node.this, node.expression):
        require(each, _TEXT, "||", "Cast it to varchar.")
    return to.say("(:a || :b)", a=node.this, b=node.expression)


def concat(node: exp.Expr, to: Target) -> exp.Expr:
    """Write concat(), which passes over nulls in DuckDB alone."""
    for each in node.expressions:
        require(each, _TEXT, "concat()", "Cast it to varchar.")
    parts = [to.say("COALESCE(:x, '')", x=each) for each in node.expressions]
    return reduce(lambda made, part: to.say("(:a || :b)", a=made, b=part), parts)


def character(node: exp.Expr, to: Target) -> exp.Expr:
    """Write chr(n) as the character: Spark knows 256 of them."""
    return text_of(chr(number(node.expressions[0], "the number of chr()", 1)))


def length(node: exp.Expr, to: Target) -> exp.Expr:
    """Write length() of a text as a bigint."""
    require(node.this, _TEXT, "length()", "Lists have no function that all engines share.")
    return to.pick(spark="CAST(LENGTH(:x) AS BIGINT)", trino="LENGTH(:x)", x=node.this)


def trim(node: exp.Expr, to: Target) -> exp.Expr:
    """Write trim() with the characters: by itself Trino takes line breaks away too, and Spark only the plain blank."""
    require(node.this, _TEXT, "trim()", "Cast it to varchar.")
    given = node.args.get("expression")
    characters = given if given is not None else text_of(_SPACES)
    folded = text_of(_folded(characters))
    return to.say(f"TRIM({node.args.get('position') or 'BOTH'} :c FROM :x)", c=folded, x=node.this)


def _folded(node: exp.Expr) -> str:
    """Return the text of literals and their concatenation."""
    from sqlglot import exp

    if isinstance(node, exp.Paren):
        return _folded(node.this)
    if isinstance(node, exp.DPipe):
        return _folded(node.this) + _folded(node.expression)
    if isinstance(node, exp.Concat):
        return "".join(map(_folded, node.expressions))
    return literal(node, "the characters of trim()")


def substring(node: exp.Expr, to: Target) -> exp.Expr:
    """Write substr(x, start, length) from a place that is counted from 1: the others differ for 0 and below."""
    require(node.this, _TEXT, "substr()", "Cast it to varchar.")
    start = number(node.args.get("start"), "the start of substr()", 1)
    if node.args.get("length") is None:
        return to.say(f"SUBSTR(:x, {start})", x=node.this)
    size = number(node.args["length"], "the length of substr()")
    return to.say(f"SUBSTR(:x, {start}, {size})", x=node.this)


def ends(node: exp.Expr, to: Target) -> exp.Expr:
    """Write left(x, n) and right(x, n)."""
    require(node.this, _TEXT, f"{node.key}()", "Cast it to varchar.")
    count = number(node.expression, f"the length of {node.key}()", 1)
    if node.key == "left":
        return to.say(f"SUBSTR(:x, 1, {count})", x=node.this)
    return to.say(f"CASE WHEN LENGTH(:x) <= {count} THEN :x ELSE SUBSTR(:x, -{count}) END", x=node.this)


def split_part(node: exp.Expr, to: Target) -> exp.Expr:
    """Write split_part(), which is empty beyond the last part, and null in Trino."""
    require(node.this, _TEXT, "split_part()", "Cast it to varchar.")
    separator = _not_empty(node.args["delimiter"], "the separator of split_part()")
    part = number(node.args["part_index"], "the number of split_part()", 1)
    return to.pick(
        spark=f"SPLIT_PART(:x, :s, {part})",
        trino=f"CASE WHEN :x IS NOT NULL THEN COALESCE(SPLIT_PART(:x, :s, {part}), '') END",
        x=node.this,
        s=separator,
    )


def _not_empty(node: exp.Expr, what: str) -> exp.Expr:
    if not literal(node, what):
        refuse(f"{what} is empty, which each engine reads in its own way", "Write at least one character.")
    return node


def replace(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass replace() of something that is not empty."""
    require(node.this, _TEXT, "replace()", "Cast it to varchar.")
    searched = _not_empty(node.expression, "the text that replace() looks for")
    require(node.args["replacement"], _TEXT, "replace()", "Cast it to varchar.")
    return to.say("REPLACE(:x, :a, :b)", x=node.this, a=searched, b=node.args["replacement"])


def translate(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass translate() of as many different characters as there are to be put in their place."""
    require(node.this, _TEXT, "translate()", "Cast it to varchar.")
    before = literal(node.args["from_"], "what translate() looks for")
    after = literal(node.args["to"], "what translate() writes")
    if len(before) != len(after) or len(set(before)) != len(before):
        refuse(
            "translate() with lists of different length, or a character twice, is read differently", "Make them equal."
        )
    return to.say("TRANSLATE(:x, :a, :b)", x=node.this, a=node.args["from_"], b=node.args["to"])


def found_in(node: exp.Expr, to: Target) -> exp.Expr:
    """Write contains(), starts_with(), ends_with() and strpos() of a text that is not empty."""
    require(node.this, _TEXT, f"{node.key}()", "Of a list, use unnest().")
    searched = _not_empty(node.args.get("substr") or node.expression, f"the text that {node.key}() looks for")
    size = len(searched.this)
    spark, trino = {
        "contains": ("CONTAINS(:x, :a)", "(STRPOS(:x, :a) > 0)"),
        "starts_with": ("STARTSWITH(:x, :a)", "STARTS_WITH(:x, :a)"),
        "startswith": ("STARTSWITH(:x, :a)", "STARTS_WITH(:x, :a)"),
        "ends_with": ("ENDSWITH(:x, :a)", f"(LENGTH(:x) >= {size} AND SUBSTR(:x, -{size}) = :a)"),
        "endswith": ("ENDSWITH(:x, :a)", f"(LENGTH(:x) >= {size} AND SUBSTR(:x, -{size}) = :a)"),
        "strposition": ("CAST(LOCATE(:a, :x) AS BIGINT)", "STRPOS(:x, :a)"),
    }[node.key]
    return to.pick(spark=spark, trino=trino, x=node.this, a=searched)


def like(node: exp.Expr, to: Target) -> exp.Expr:
    """Write LIKE with a pattern that is written out: a backslash in it escapes in Spark alone."""
    from sqlglot import exp

    require(node.this, _TEXT, node.key, "Cast it to varchar.")
    if "\\" in literal(node.expression, "the pattern of LIKE"):
        refuse("a backslash in a pattern of LIKE escapes in Spark alone", "Use regexp_matches().")
    negated = "NOT " if node.args.get("negate") else ""
    if isinstance(node, exp.ILike):
        return to.say(f"({negated}LOWER(:x) LIKE LOWER(:p))", x=node.this, p=node.expression)
    return to.say(f"({negated}:x LIKE :p)", x=node.this, p=node.expression)


def regexp(node: exp.Expr, to: Target) -> exp.Expr:
    """Write the functions of regular expressions, with a pattern that means the same everywhere."""
    require(node.this, _TEXT, "a regular expression", "Cast it to varchar.")
    pattern = pattern_for_all(literal(node.expression, "the pattern"))
    modifiers = node.args.get("modifiers") or node.args.get("parameters") or node.args.get("options")
    options = literal(modifiers, "the options") if modifiers is not None else ""
    if node.key == "regexpreplace":
        if options != "g":
            advice = "Write 'g' as the fourth argument, and anchor the pattern if only one match is meant."
            refuse("Spark and Trino replace all matches, not the first", advice)
        new = text_of(replacement_for_all(literal(node.args["replacement"], "the replacement")))
        return to.say("REGEXP_REPLACE(:x, :p, :r)", x=node.this, p=text_of(pattern), r=new)
    if options:
        refuse(f"the option {options!r} is read differently", "Write the pattern without options.")
    if node.key == "regexpextract":
        group = number(node.args.get("group"), "the group") if node.args.get("group") is not None else 0
        return to.pick(
            spark=f"REGEXP_EXTRACT(:x, :p, {group})",
            trino=f"CASE WHEN :x IS NOT NULL THEN COALESCE(REGEXP_EXTRACT(:x, :p, {group}), '') END",
            x=node.this,
            p=text_of(pattern),
        )
    if node.key == "regexpfullmatch":
        pattern = rf"\A(?:{pattern})\z"
    return to.pick(spark="RLIKE(:x, :p)", trino="REGEXP_LIKE(:x, :p)", x=node.this, p=text_of(pattern))


def digest(node: exp.Expr, to: Target) -> exp.Expr:
    """Write md5() and sha256(): of bytes in Trino."""
    require(node.this, _TEXT, "a hash", "Cast it to varchar.")
    if node.key == "md5":
        return to.pick(spark="MD5(:x)", trino="LOWER(TO_HEX(MD5(TO_UTF8(:x))))", x=node.this)
    number(node.args["length"], "the length", 256)
    return to.pick(spark="SHA2(:x, 256)", trino="LOWER(TO_HEX(SHA256(TO_UTF8(:x))))", x=node.this)


def pad(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass lpad() and rpad() to a length, with one character."""
    name = "LPAD" if node.args.get("is_left") else "RPAD"
    require(node.this, _TEXT, f"{name}()", "Cast it to varchar.")
    size = number(node.expression, "the length", 1)
    if len(literal(node.args.get("fill_pattern"), "the fill")) != 1:
        refuse(f"{name}() with several characters is read differently", "Fill with one character.")
    return to.say(f"{name}(:x, {size}, :f)", x=node.this, f=node.args["fill_pattern"])


def format_time(node: exp.Expr, to: Target) -> exp.Expr:
    """Write strftime() with the parts that every engine has."""
    if family(node.this) not in {"date", "timestamp"}:
        refuse("strftime() of anything but dates and timestamps differs", "Cast it to timestamp.")
    text = literal(node.args["format"], "the format")
    made, at = ["", ""], 0
    while at < len(text):
        part = text[at : at + 2]
        if part in _FORMATS:
            made = [each + more for each, more in zip(made, _FORMATS[part], strict=True)]
            at += 2
        elif text[at] in _BETWEEN:
            made = [each + text[at] for each in made]
            at += 1
        else:
            refuse(f"{part!r} in a format differs", f"Use {' '.join(_FORMATS)} with - / : . _ or blanks between.")
    name = "DATE_FORMAT"
    from sqlglot import exp

    at_time = to.pick(
        spark="CAST(:x AS TIMESTAMP_NTZ)", trino="DATE_TRUNC('SECOND', CAST(:x AS TIMESTAMP(6)))", x=node.this
    )
    return exp.Anonymous(this=name, expressions=[at_time, text_of(made[0 if to.engine == "spark" else 1])])
