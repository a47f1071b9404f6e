"""Django's test runner, with the report that pytest writes: into the file that SUITES_REPORT names."""
import os
import xml.etree.ElementTree as xml

from django.test.runner import DiscoverRunner
from unittest import TextTestResult


class Result(TextTestResult):
    """Keeps the outcome of each test; a test with a failed part has failed."""

    def __init__(self, *words, **named):
        super().__init__(*words, **named)
        self.report = xml.Element("testsuite")
        self.cases = {}

    def note(self, test, outcome, text=""):
        name = getattr(test, "test_case", test).id()
        if name not in self.cases:
            place, _, method = name.rpartition(".")
            self.cases[name] = xml.SubElement(self.report, "testcase", classname=place, name=method)
        if outcome:
            xml.SubElement(self.cases[name], outcome).text = text

    def startTest(self, test):
        super().startTest(test)
        self.note(test, None)

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "error", self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failure", self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, "failure", str(err[1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", reason)

    def stopTestRun(self):
        super().stopTestRun()
        xml.ElementTree(self.report).write(os.environ["SUITES_REPORT"])


class Runner(DiscoverRunner):
    def get_resultclass(self):
        return Result
