import pytest

from maskmatch.core.decisions import Decision, decide, threshold_for
from maskmatch.core.errors import InputError


@pytest.mark.parametrize(
    ("version", "fmr", "threshold"),
    [
        ("3.0", 1e-3, 40),
        ("3.0", 1e-4, 50),
        ("3.0", 1e-5, 60),
        ("2.0", 1e-3, 70),
        ("2.0", 1e-4, 80),
        ("2.0", 1e-5, 90),
    ],
)
def test_the_threshold_is_the_one_the_vendor_names_for_the_fmr(version, fmr, threshold):
    assert threshold_for(model_version=version, nominal_fmr=fmr) == threshold


def test_a_score_at_the_threshold_is_a_match():
    assert decide(50.0, threshold=50.0) is Decision.MATCH
    assert decide(49.99, threshold=50.0) is Decision.NON_MATCH


def test_an_unknown_model_has_no_threshold():
    assert threshold_for(model_version="4.0", nominal_fmr=1e-4) is None


def test_an_fmr_without_a_threshold_is_refused_with_the_ones_there_are():
    with pytest.raises(InputError, match=r"0\.001, 0\.0001, 1e-05"):
        threshold_for(model_version="3.0", nominal_fmr=0.5)
