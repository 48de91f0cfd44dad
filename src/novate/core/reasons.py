"""Every reason for a no: a closed list, tested in order of precedence."""

import enum


class Reason(enum.IntEnum):
    """Why something was not done. The numbers are on record in journals and never change."""

    ACCEPTED = 0
    MALFORMED = 1
    DUPLICATE_OR_LATE = 2
    NAME_TAKEN = 3
    NAME_EMPTY = 4
    ASSET_UNKNOWN = 5
    CONTRACT_UNKNOWN = 6
    MEMBER_UNKNOWN = 7
    ACCOUNT_UNKNOWN = 8
    ORDER_UNKNOWN = 9
    ORDER_NOT_OPEN = 10
    TERMS_INVALID = 11
    RULEBOOK_INVALID = 12
    RULEBOOK_MISSING = 13
    MARGIN_CLASS_UNKNOWN = 14
    ASSET_NOT_ELIGIBLE = 15
    ACCOUNTS_MUST_DIFFER = 16
    ACCOUNT_NOT_TRADABLE = 17
    CONTRACT_NOT_TRADABLE = 18
    NOT_A_PERPETUAL = 19
    QUANTITY_MUST_BE_POSITIVE = 20
    AMOUNT_MUST_BE_POSITIVE = 21
    PRICE_OFF_TICK = 22
    QUANTITY_OFF_LOT = 23
    AMOUNT_TOO_FINE = 24
    PRICE_OUT_OF_LIMITS = 25
    PRICE_WORSE_THAN_LIMIT = 26
    PRICE_MISSING = 27
    EXECUTION_EXCEEDS_ORDER = 28
    EXECUTION_EXCEEDS_POSITION = 29
    CONTRACT_EXPIRED = 30
    NOT_YET_EXPIRED = 31
    MEMBER_IN_DEFAULT = 32
    ACCOUNT_IN_LIQUIDATION = 33
    POSITION_LIMIT_EXCEEDED = 34
    EXPOSURE_LIMIT_EXCEEDED = 35
    MONEY_LIMIT_EXCEEDED = 36
    FUNDING_OUT_OF_RANGE = 37
    PREMIUM_NOT_COVERED = 38
    MARGIN_INSUFFICIENT = 39
    BALANCE_INSUFFICIENT = 40
    TIME_RUNS_BACKWARDS = 41
    NOT_RESOLVABLE = 50
    COLLATERAL_NOT_COVERED = 51

    @property
    def text(self) -> str:
        """The reason as people read it: ``margin_insufficient``."""
        return self.name.lower()
