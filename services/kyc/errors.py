"""What kyc alone can answer."""

from __future__ import annotations

from services.common.errors import ErrorCode


class KycCode(ErrorCode):
    """Its own codes, beside those of every service."""

    CONSENT_MISSING = "consent_missing", 409, "The player has not agreed to the present text"
    CONSENT_OUTDATED = "consent_outdated", 409, "There is another text by now"
    STATE_FORBIDS = "state_forbids", 409, "The case is in a state that does not take this"
    PAN_NOT_PERSONAL = "pan_not_personal", 422, "The PAN is not a person's"
    FILE_REFUSED = "file_refused", 422, "The file is not one that is believed"
    CHALLENGE_UNKNOWN = (
        "challenge_unknown",
        409,
        "No such gestures were drawn, or they were used, or their time is over",
    )
    DOCUMENT_UNKNOWN = "document_unknown", 422, "The player announced no such picture, or it was handed in before"
    DOCUMENT_MISSING = "document_missing", 409, "The picture has not arrived as it was announced"
    DOCUMENTS_WAITING = "documents_waiting", 409, "So many pictures were announced and not handed in"
    DOCUMENT_NOT_MASKED = "document_not_masked", 403, "Only who may see numbers whole is shown this picture"
    FLOW_REFUSED = "flow_refused", 422, "The way to the provider and back was not this player's, or is over"
    AGREEMENT_UNSIGNED = "agreement_unsigned", 409, "The agreement is not signed"
    REVIEW_UNKNOWN = "review_unknown", 404, "There is no such open review"
    REVIEW_CLAIMED = "review_claimed", 409, "Another person holds the review"
    REVIEW_NOT_CLAIMED = "review_not_claimed", 409, "The caller does not hold the review, or not any more"
    OWN_CASE = "own_case", 403, "Nobody decides on a case of their own"
    SECOND_PERSON_NEEDED = "second_person_needed", 403, "Another person than the one who proposed it has to agree"
    DOCUMENT_TAKEN = "document_taken", 409, "The document verifies another player"
