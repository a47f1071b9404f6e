"""What a suite's report in the form of JUnit says of each test."""
import xml.etree.ElementTree as xml


def read_report(report, prefix=""):
    """Test, with what stands before its name, to `passed`, `failed` or `skipped`."""
    found = {}
    for case in xml.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        found[f"{prefix}{case.get('classname')}.{case.get('name')}"] = outcome
    return found
