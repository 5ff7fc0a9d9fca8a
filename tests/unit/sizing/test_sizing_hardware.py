import datetime as dt
import warnings

import pytest

from reference.sizing import NoPrice, Q, StalePrice, accelerator, accelerator_keys, magnitude
from reference.sizing.evidence import Measured
from reference.sizing.hardware import ridge_intensity


def test_table_holds_the_five_data_centre_gpus() -> None:
    assert set(accelerator_keys()) == {"a10g", "l4", "a100-80", "h100", "h200"}


@pytest.mark.parametrize("key", accelerator_keys())
def test_visible_memory_is_a_little_less_than_the_drivers_total(key: str) -> None:
    device = accelerator(key)
    assert device.memory_total is not None
    share = float((device.memory / device.memory_total).to(""))
    assert 0.97 < share < 1
    assert device.evidence.badge == "CITED"


def test_eighty_gigabyte_a100_is_eighty_gibibytes() -> None:
    total = accelerator("a100-80").memory_total
    assert total is not None
    assert magnitude(total, "GiB") == 80
    assert magnitude(total, "GB") == pytest.approx(85.9, abs=0.01)


def test_fresh_price_does_not_warn_and_old_one_does() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        price = accelerator("h100").price(today=dt.date(2026, 11, 23))
    assert price.as_of == dt.date(2026, 9, 6)
    with pytest.warns(StalePrice, match="181 days old"):
        accelerator("h100").price(today=dt.date(2026, 9, 6) + dt.timedelta(days=181))


def test_price_on_day_180_is_not_stale() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        accelerator("l4").price(today=dt.date(2026, 9, 6) + dt.timedelta(days=180))


def test_price_of_unknown_date_always_warns() -> None:
    with pytest.warns(StalePrice, match="no known date"):
        accelerator("a100-80").price("RunPod")


def test_default_price_is_the_cheapest_of_known_date() -> None:
    price = accelerator("a100-80").price(today=dt.date(2026, 11, 23))
    assert price.provider == "Azure"
    assert price.evidence.date == price.as_of


def test_missing_price_says_how_to_supply_one() -> None:
    h200 = accelerator("h200")
    with pytest.raises(NoPrice, match="with_price"):
        h200.price()
    mine = h200.with_price(Q(4.5, "USD/gpu/h"), provider="us", source="our contract", as_of=dt.date(2026, 11, 1))
    assert mine.price(today=dt.date(2026, 11, 23)).usd_per_gpu_hour == Q(4.5, "USD/gpu/h")
    with pytest.raises(NoPrice, match="Nowhere"):
        accelerator("h100").price("Nowhere")


def test_fp8_peak_is_used_only_where_the_hardware_has_it() -> None:
    assert accelerator("h100").peak_flops("fp8") > accelerator("h100").peak_flops("bf16")
    assert accelerator("a100-80").peak_flops("fp8") == accelerator("a100-80").peak_flops("bf16")
    assert accelerator("h100").peak_flops("int4") == accelerator("h100").peak_flops("bf16")


def test_ridge_is_peak_over_bandwidth() -> None:
    assert magnitude(ridge_intensity(accelerator("h100")), "FLOP/byte") == pytest.approx(989e12 / 3350e9)


def test_unknown_hardware_lists_the_known() -> None:
    with pytest.raises(KeyError, match="a100-80"):
        accelerator("b9000")


# Importing torch takes seconds, of a loaded machine half a minute; without it the same code runs on numpy alone.
@pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")  # a loaded machine may be very slow
@pytest.mark.parametrize("torch", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_this_machine_is_measured_and_says_how(torch: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from reference.sizing import this_machine

    if not torch:
        monkeypatch.setattr(this_machine.util, "find_spec", lambda name: None)
    machine = this_machine.measure_this_machine(repeats=2, megabytes=16, matrix=512)
    assert isinstance(machine.evidence, Measured)
    assert machine.evidence.n == 2
    assert ("torch" in machine.evidence.versions) == torch
    assert (machine.bf16_flops == machine.f32_flops) == (not torch)
    assert machine.bandwidth > Q(0, "GB/s")
    assert machine.bf16_flops > Q(0, "TFLOP/s")
    assert machine.memory > Q(0.1, "GB")
    with pytest.raises(NoPrice):
        machine.price()
