"""Reads {"schemas": {name: schema}, "cases": [[schema, instance], ...]} and prints, for each case, what is wrong as [[path, message], ...].

Of alternatives that all fail, that one is told which fits best, as an editor does."""

import json
import sys

import jsonschema

given = json.load(sys.stdin)
validators = {}
for name, schema in given["schemas"].items():
    jsonschema.Draft7Validator.check_schema(schema)
    validators[name] = jsonschema.Draft7Validator(schema)


def told(error):
    """The leaves of an error."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        best = jsonschema.exceptions.best_match([error])
        if best is not error:
            return [best]
    return [error]


print(json.dumps([
    sorted(
        ["/".join(map(str, leaf.absolute_path)), leaf.message]
        for error in validators[name].iter_errors(instance)
        for leaf in told(error)
    )
    for name, instance in given["cases"]
]))
