"""Which presentation contexts are accepted, and how objects are grouped into associations."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.presentation import AllStoragePresentationContexts

from engine.dicom.negotiate import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    ACCEPTED,
    EVERYTHING,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    MOST_CONTEXTS,
    TRANSFER_SYNTAXES_NOT_SUPPORTED,
    VERIFICATION,
    Answer,
    Context,
    Policy,
    accept,
    batches,
    offered,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
JPEG2000 = "1.2.840.10008.1.2.4.90"
PRIVATE_SYNTAX = "1.2.3.4.5"


def answer(abstract_syntax: str, *syntaxes: str, policy: Policy = EVERYTHING) -> Answer:
    return accept([Context(1, abstract_syntax, syntaxes)], policy)[0]


@pytest.mark.parametrize(
    "sop_class",
    [
        CT,
        "1.2.840.10008.5.1.4.1.1.1.1.1",  # … - For Processing
        "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
        "1.2.840.10008.5.1.4.1.1.66",  # Raw Data
        "1.2.840.10008.5.1.4.1.1.77.1",  # VL Image Storage - Trial
        "1.2.840.10008.5.1.4.1.1.9.1",  # Waveform Storage - Trial
        "1.2.840.10008.5.1.1.29",  # Hardcopy Grayscale Image Storage SOP Class
        "1.2.840.10008.5.1.4.38.1",  # Hanging Protocol Storage
        "1.2.840.10008.5.1.4.1.1.40",  # retired, its name removed
        "1.2.840.10008.5.1.4.1.1.999.7",  # of an edition to come
        "1.3.12.2.1107.5.9.1",  # private: Siemens CSA Non-Image
        "1.2.840.113619.4.26",  # private: GE 3D
    ],
)
def test_every_storage_class_is_accepted_also_private_and_unknown_ones(sop_class: str) -> None:
    assert answer(sop_class, EXPLICIT_LITTLE).result == ACCEPTED


def test_every_storage_class_that_pynetdicom_knows_is_accepted() -> None:
    for context in AllStoragePresentationContexts:
        assert answer(str(context.abstract_syntax), IMPLICIT_LITTLE).result == ACCEPTED


@pytest.mark.parametrize(
    "sop_class",
    [
        "1.2.840.10008.5.1.4.1.2.1.1",  # Patient Root Query/Retrieve - FIND
        "1.2.840.10008.5.1.4.1.2.2.2",  # Study Root Query/Retrieve - MOVE
        "1.2.840.10008.5.1.4.31",  # Modality Worklist
        "1.2.840.10008.3.1.2.3.3",  # Modality Performed Procedure Step
        "1.2.840.10008.1.20.1",  # Storage Commitment Push Model
        "1.2.840.10008.5.1.1.9",  # Basic Grayscale Print Management Meta
        "1.2.840.10008.1.3.10",  # Media Storage Directory Storage
        "1.2.840.10008.4.2",  # Storage Service Class
        "1.2.840.10008.1.2.1",  # a transfer syntax
        "",
    ],
)
def test_other_services_are_not_accepted(sop_class: str) -> None:
    assert answer(sop_class, IMPLICIT_LITTLE).result == ABSTRACT_SYNTAX_NOT_SUPPORTED


def test_verification_is_accepted_unless_the_policy_says_no() -> None:
    assert answer(VERIFICATION, IMPLICIT_LITTLE).result == ACCEPTED
    refusal = answer(VERIFICATION, IMPLICIT_LITTLE, policy=Policy(verification=False))
    assert refusal.result == ABSTRACT_SYNTAX_NOT_SUPPORTED


@pytest.mark.parametrize("syntax", [IMPLICIT_LITTLE, EXPLICIT_BIG, JPEG2000, "1.2.840.10008.1.2.4.202", PRIVATE_SYNTAX])
def test_any_transfer_syntax_is_accepted(syntax: str) -> None:
    assert answer(CT, syntax) == Answer(1, CT, ACCEPTED, syntax)


def test_of_several_transfer_syntaxes_the_senders_first_is_taken() -> None:
    assert answer(CT, JPEG2000, EXPLICIT_LITTLE, IMPLICIT_LITTLE).transfer_syntax == JPEG2000
    assert answer(CT, IMPLICIT_LITTLE, JPEG2000).transfer_syntax == IMPLICIT_LITTLE


def test_a_policy_may_narrow_the_transfer_syntaxes() -> None:
    policy = Policy(transfer_syntaxes=frozenset({EXPLICIT_LITTLE}))
    assert answer(CT, JPEG2000, EXPLICIT_LITTLE, policy=policy).transfer_syntax == EXPLICIT_LITTLE
    assert answer(CT, JPEG2000, policy=policy).result == TRANSFER_SYNTAXES_NOT_SUPPORTED


def test_a_context_without_transfer_syntax_is_refused() -> None:
    assert answer(CT).result == TRANSFER_SYNTAXES_NOT_SUPPORTED


def test_each_context_is_answered_under_its_own_number() -> None:
    proposed = [Context(n, CT, (EXPLICIT_LITTLE,)) for n in (5, 1, 255)]
    assert [answered.id for answered in accept(proposed)] == [5, 1, 255]


def test_a_compressed_object_is_offered_only_as_it_is() -> None:
    assert offered(JPEG2000) == (JPEG2000,)


def test_a_native_object_is_offered_as_it_is_first_and_then_in_what_everybody_takes() -> None:
    assert offered(EXPLICIT_BIG) == (EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE)
    assert offered(IMPLICIT_LITTLE) == (IMPLICIT_LITTLE, EXPLICIT_LITTLE)


def test_objects_of_one_kind_share_their_contexts() -> None:
    (batch,) = batches([(CT, JPEG2000), (MR, JPEG2000), (CT, JPEG2000)])
    assert batch.contexts == (Context(1, CT, (JPEG2000,)), Context(3, MR, (JPEG2000,)))
    assert batch.entries == (0, 1, 2)


def test_nothing_to_send_needs_no_association() -> None:
    assert list(batches([])) == []


def test_more_than_128_kinds_need_a_second_association() -> None:
    first, second = batches([(f"1.2.{n}", JPEG2000) for n in range(129)])
    assert len(first.contexts) == 128
    assert first.contexts[-1].id == 255
    assert second.entries == (128,)


def test_what_can_be_decoded_shares_its_contexts_with_what_needs_none_of_it() -> None:
    (batch,) = batches([(CT, JPEG2000), (CT, EXPLICIT_LITTLE), (CT, IMPLICIT_LITTLE)], decodable={JPEG2000})
    proposed = [context.transfer_syntaxes[0] for context in batch.contexts]
    assert proposed == [JPEG2000, EXPLICIT_LITTLE, IMPLICIT_LITTLE]


def test_42_kinds_that_can_be_decoded_fit_into_one_association_and_the_43rd_begins_another() -> None:
    entries = [(f"1.2.{n}", JPEG2000) for n in range(43)]
    first, second = batches(entries, decodable={JPEG2000})
    assert (len(first.contexts), first.entries) == (126, tuple(range(42)))
    assert second.entries == (42,)


kinds = st.tuples(
    st.integers(1, 200).map(lambda n: f"1.2.{n}"),
    st.sampled_from([IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, JPEG2000, PRIVATE_SYNTAX]),
)


@given(st.lists(kinds, max_size=300), st.sampled_from([(), (JPEG2000,)]))
def test_every_object_is_in_exactly_one_association_in_order_with_its_context(
    entries: Sequence[tuple[str, str]], decodable: Sequence[str]
) -> None:
    grouped = list(batches(entries, decodable=decodable))
    assert [position for batch in grouped for position in batch.entries] == list(range(len(entries)))
    for batch in grouped:
        assert len(batch.contexts) <= MOST_CONTEXTS
        assert [context.id for context in batch.contexts] == [2 * n + 1 for n in range(len(batch.contexts))]
        proposed = [(context.abstract_syntax, context.transfer_syntaxes[0]) for context in batch.contexts]
        assert len(set(proposed)) == len(proposed)
        assert all(len(context.transfer_syntaxes) == 1 for context in batch.contexts)
        for position in batch.entries:
            sop_class, syntax = entries[position]
            assert all((sop_class, offer) in proposed for offer in offered(syntax, decodable))
