"""Which O3 template a model needs, before it is loaded. Imports the host only for names that say nothing."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError
from ..qwen import TEMPLATES, model_type_in, template_of
from .checkpoint import model_type


def template_for(model: str, *, ask_hub: bool) -> str | None:
    """The O3 template type for whole weights.

    Args:
        model: a folder or a hub id.
        ask_hub: whether the host may fetch the `config.json` of a hub id that it does not know.

    Returns:
        None where only the hub could tell and may not be asked.

    Raises:
        ConfigError: the model is of a family without an O3 template.
    """
    found = model_type(model) or model_type_in(Path(model).name)
    matched = template_of(found) if found else None
    if found is None:
        from swift.model import get_matched_model_meta
        from swift.utils import safe_snapshot_download

        meta = get_matched_model_meta(model)
        if meta is not None:
            found, matched = meta.model_type, f'thyme_{meta.template}'
            matched = matched if matched in TEMPLATES else None
        elif not ask_hub:
            return None
        else:
            found = model_type(safe_snapshot_download(model, download_model=False))
            matched = template_of(found or '')
    if matched is None:
        raise ConfigError(
            f'no O3 template for this model: got {found} from {model}; expected a model of {", ".join(TEMPLATES)}; '
            'use such a model, or name its template with --template (in training: leave --O3 out)'
        )
    return matched
