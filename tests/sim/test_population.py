"""The population: drawn from its seed, in its stated shares."""

import numpy as np
import pytest

from novate.sim.population import ONE_BET, STYLES, draw_population


def test_shares_of_members_and_of_clients_add_up() -> None:
    assert sum(style.members for style in STYLES) == pytest.approx(1)
    assert sum(style.clients for style in STYLES) == pytest.approx(1)


def test_a_seed_is_a_population() -> None:
    one, same, other = (draw_population(np.random.default_rng(seed), 40, 500, 3) for seed in (1, 1, 2))
    for name in ("member", "style", "money", "coin", "reserve", "weights", "perpetual", "fund"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert (one.money != other.money).any()


def test_shares_are_met_exactly_and_everyone_has_a_member() -> None:
    people = draw_population(np.random.default_rng(3), 200, 5000, 3)
    assert people.count == 5200
    house, clients = people.style[people.house], people.style[~people.house]
    for place, style in enumerate(STYLES):
        assert abs((house == place).sum() - 200 * style.members) < 1
        assert abs((clients == place).sum() - 5000 * style.clients) < 1
    assert set(people.member[~people.house].tolist()) <= set(range(200))
    np.testing.assert_allclose(people.weights.sum(axis=1), 1)
    assert (people.weights[people.style == ONE_BET].max(axis=1) == 1).all()
    assert (people.money > 0).all()
    assert people.account_name(0) == "Member 001"
    assert people.account_name(200) == f"{people.member_name(int(people.member[200]))} client 00001"


def test_too_few_members_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 members"):
        draw_population(np.random.default_rng(0), 3, 10, 1)
