"""Validates DICOM files against PS3.3 with pydicom's dicom-validator. Arguments: the files. Prints a line for each error.

dicom-validator reads the standard from DocBook files, which it downloads from dicom.nema.org. Here it gets the same tables from the
package dicom-standard, which holds those of 2020 as JSON, so that the check needs the package registry only.
"""

import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from dicom_validator.spec_reader.condition_parser import ConditionParser
from dicom_validator.spec_reader.edition_reader import EditionReader
from dicom_validator.spec_reader.enum_parser import EnumParser
from dicom_validator.validator.dicom_file_validator import DicomFileValidator
from dicom_validator.validator.dicom_info import DicomInfo

STANDARD = Path(sys.prefix) / "standard"
IODS = {"1.2.840.10008.5.1.4.1.1.4": "mr-image", "1.2.840.10008.5.1.4.1.1.4.1": "enhanced-mr-image"}
GROUPS = ("(5200,9229)", "(5200,9230)")  # the sequences of shared and per-frame functional groups


def table(name):
    return json.loads((STANDARD / f"{name}.json").read_text(encoding="utf8"))


def cell(html):
    """The cell of a table as DocBook has it: its text, and an element that holds its lists of enumerated values."""
    root = ET.fromstring(html.replace("&nbsp;", " "))
    node, title = ET.Element("td"), ""
    for e in root.iter():
        if e.tag == "strong":
            title = "".join(e.itertext()).strip()
        if e.tag == "dl":
            terms = "".join(f"<varlistentry><term>{t}</term></varlistentry>" for t in (
                "".join(dt.itertext()).strip().replace("&", "&amp;").replace("<", "&lt;") for dt in e.findall("dt")))
            node.append(ET.fromstring(f'<variablelist xmlns="http://docbook.org/ns/docbook"><title>{title}</title>{terms}</variablelist>'))
    return re.sub(r"\s+", " ", "".join(root.itertext())).strip(), node


def attributes(rows, dictionary, parse, enums):
    """The attributes of a module, those of sequences within theirs."""
    module, at = {}, {}
    for row in sorted(rows, key=lambda r: r["path"].count(":")):
        info = dictionary.get(row["tag"], {"name": row["tag"], "vr": "UN"})
        attribute = {"name": info["name"], "type": row["type"]}
        text, node = cell(row["description"])
        if row["type"] in ("1C", "2C", "3"):
            condition = parse(text)
            if condition.type != condition.type.UserDefined:
                attribute["cond"] = condition
        if values := enums.parse(node, info["vr"]):
            attribute["enums"] = [v for v in values if v.pop("tag", row["tag"]) == row["tag"]]
        parent, _, _ = row["path"].rpartition(":")
        at[row["path"]] = attribute
        siblings = at[parent].setdefault("items", {}) if parent in at else module
        siblings[row["tag"]] = attribute
    return module


def by(rows, key):
    groups = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def standard():
    dictionary = {a["tag"]: {"name": a["name"], "vr": a["valueRepresentation"].split(" ")[0], "vm": a["valueMultiplicity"], "prop": ""}
                  for a in table("attributes")}
    parse = ConditionParser(dictionary).parse
    enums = EnumParser(lambda section: None, ConditionParser(dictionary))
    modules, iods = {}, {}

    def use(rows, name, tables):
        """The modules or macros of an object, whose attributes go into modules."""
        used = {}
        for row in rows:
            ref = f"{name} {row[name]}"
            if ref not in modules:
                modules[ref] = attributes(tables[row[name]], dictionary, parse, enums)
            used[row[name]] = {"ref": ref, "use": row["usage"]}
            if row["usage"] == "C":
                used[row[name]]["cond"] = parse(row["conditionalStatement"])
        return used

    of_modules, of_macros = by(table("module_to_attributes"), "moduleId"), by(table("macro_to_attributes"), "macroId")
    with_modules, with_macros = by(table("ciod_to_modules"), "ciodId"), by(table("ciod_to_fg_macros"), "ciodId")
    for uid, iod in IODS.items():
        iods[uid] = {"title": iod, "modules": use(with_modules[iod], "moduleId", of_modules),
                     "group_macros": use(with_macros.get(iod, []), "macroId", of_macros)}
    for tag in GROUPS:
        modules["moduleId multi-frame-functional-groups"][tag].setdefault("items", {})["include"] = [{"ref": "FuncGroup"}]
    return DicomInfo(*(json.loads(EditionReader.dump_description(d)) for d in (dictionary, iods, modules)))


def main(paths):
    validator = DicomFileValidator(standard())  # it logs what is wrong to standard output
    errors = sum(result.errors + (result.status.name not in ("Passed", "Failed")) for path in paths for result in validator.validate(path).values())
    print(f"{len(paths)} files, {errors} errors")


main(sys.argv[1:])
