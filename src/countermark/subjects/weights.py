"""Open weights run by the auditor: hashed against the pack's list, loaded through Inspect's `hf` provider, hashed again.

What was loaded is written down before the first call, and every exchange names that line, so that the log a witness sees
ties each answer to the files that were hashed. Importing this module imports neither Inspect nor torch.
"""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark.errors import MissingExtra, SubjectError, SubjectRefusedUs, UsageError
from countermark.files import slug
from countermark.records import Reply, Request
from countermark.subjects.settings import LiveSettings
from countermark.subjects.weights_files import Again, Staged, Tell, hash_again, moved, stage, template_of

if TYPE_CHECKING:
    from countermark.subjects.inspect_model import InspectModel

LIBRARIES = ("inspect_ai", "torch", "transformers", "tokenizers", "safetensors", "accelerate")
_NEEDED = ("inspect_ai", "torch", "transformers", "accelerate")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
_QUIET = ("HF_HUB_DISABLE_PROGRESS_BARS",)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsGiven:
    """One subject's weights as they were handed over.

    Attributes:
        subject: Its id, `weights/name`.
        directory: Where they lie on this machine; recorded nowhere.
        listed: Name to SHA-256, of the pack's identity/weights.sha256.
        list_digest: SHA-256 of that file as it stands in the pack.
        settings: How the subject is asked.
    """

    subject: str
    directory: Path
    listed: Mapping[str, str]
    list_digest: str
    settings: LiveSettings


class HostedWeights:
    """A model in this process, from weights that were hashed; one call at a time.

    Inspect pads the replies of a batch to the longest and tells neither where each ended nor what each cost, so a batch
    holds one call. It opens once, by `load`; as a subject, closing it is left to whoever loaded it.
    """

    def __init__(self, given: WeightsGiven) -> None:
        self.given = given
        self._staged: Staged | None = None
        self._model: InspectModel | None = None
        self.binding = ""

    def load(self, tell: Tell) -> None:
        """Hash every file, then load; a second time it does nothing.

        Raises:
            MissingExtra: torch, transformers, accelerate or Inspect is not installed.
            InvalidDocument: The files are not those that are listed; every one is named.
            SubjectRefusedUs: The library cannot make a model of them.
            UsageError: A setting that this way of running a model does not know.
        """
        if self._model is not None:
            return
        _check_libraries()
        _check_settings(self.given)
        self._staged = stage(self.given.directory, self.given.listed, tell)
        try:
            self._model = _open(self.given, self._staged)
            _check_still(self.given, self._staged)
        except BaseException:
            self.close()
            raise

    def bind(self, binding: str) -> None:
        """From here on every exchange names this: the SHA-256 of the line that holds `facts`."""
        self.binding = binding

    async def answer(self, request: Request) -> Reply:
        """The next turn. Raises as Inspect's models do."""
        assert self._model is not None
        reply = await self._model.answer(request)
        cut = reply.usage.output_tokens >= request.max_tokens
        return replace(reply, stop="max_tokens" if cut else "stop", exchange=self._bound(reply))

    async def aclose(self) -> None:
        """Nothing: the model stays, to be hashed again after the last call."""

    def hash_again(self, tell: Tell) -> Again:
        """Every file once more, after the last call."""
        assert self._staged is not None
        return hash_again(self._staged, tell)

    def close(self) -> None:
        """Let go of the model and remove the private folder."""
        self._model = None
        if self._staged is not None:
            self._staged.close()

    def _bound(self, reply: Reply) -> Any:
        assert reply.exchange is not None
        written = {**json.loads(reply.exchange.request), "model": self.given.subject}
        bound = {**written, "binding": self.binding}
        return replace(reply.exchange, request=json.dumps(bound, ensure_ascii=False))

    @property
    def facts(self) -> dict[str, Any]:
        """What was hashed and loaded, how, and with which software."""
        staged, given = self._staged, self.given
        assert staged is not None
        return {
            "subject": given.subject,
            "level": "B3",
            "weights_sha256": given.list_digest,
            "files": len(staged.listed),
            "bytes": staged.bytes,
            "loaded": sorted(staged.shown),
            "hashed": "every file, before loading; small files loaded from copies of the hashed bytes, shards in place, "
            "their inode, size and times compared after loading",
            "software": _software(),
            "settings": {
                "door": f"hf/{_name(given)}, by inspect_ai.model.get_model",
                "device": _device(),
                "dtype": "auto: as config.json says",
                "chat_template": template_of(staged),
                "remote_code": "never",
                "batch": "1",
                "sampling": _sampling(given.settings),
            },
        }


def _name(given: WeightsGiven) -> str:
    return slug(given.subject.partition("/")[2])


def _software() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


def _check_libraries() -> None:
    missing = [library for library in _NEEDED if find_spec(library) is None]
    if missing:
        raise MissingExtra(
            f"weights are run with {', '.join(missing)}, not installed here",
            hint="pip install 'countermark[weights]'",
        )
    # Before huggingface_hub is imported: it reads them once. Whatever is not on this disk is not part of the model.
    for name in (*_OFFLINE, *_QUIET):
        os.environ[name] = "1"


def _check_settings(given: WeightsGiven) -> None:
    if given.settings.reasoning not in (None, "none"):
        raise UsageError(
            f"{given.subject}: reasoning {given.settings.reasoning!r}: weights run here know it only as on, by not being "
            "given, and as none",
            hint="serve the weights, and name the server with --base-url",
        )


def _check_still(given: WeightsGiven, staged: Staged) -> None:
    if touched := moved(staged):
        raise SubjectRefusedUs(f"{given.subject}: changed while it was loaded: {', '.join(touched)}")


def _is_greedy(settings: LiveSettings) -> bool:
    return settings.temperature is not None and float(settings.temperature) == 0


def _sampling(settings: LiveSettings) -> str:
    if _is_greedy(settings):
        return "greedy"
    named = f"temperature {settings.temperature}" if settings.temperature else "no temperature sent"
    return f"random, {named}; the rest as generation_config.json says"


def _device() -> str:
    import torch  # type: ignore[import-not-found, unused-ignore]

    if torch.cuda.is_available():
        return f"cuda:0, {torch.cuda.get_device_name(0)}"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _open(given: WeightsGiven, staged: Staged) -> "InspectModel":
    """The model in the private folder. Raises `SubjectRefusedUs` with what the library says."""
    from huggingface_hub import is_offline_mode  # type: ignore[import-not-found, unused-ignore]
    from inspect_ai.model import GenerateConfig, get_model

    from countermark.subjects.inspect_model import InspectModel

    if not is_offline_mode():
        raise UsageError(
            "huggingface_hub was loaded before it could be told to stay offline",
            hint="start with HF_HUB_OFFLINE=1 in the environment",
        )
    settings, folder = given.settings, str(staged.folder)
    greedy = _is_greedy(settings)
    sent = None if greedy or settings.temperature is None else float(settings.temperature)
    extra: dict[str, Any] = {"do_sample": not greedy}
    if settings.reasoning == "none":
        extra["enable_thinking"] = False
    try:
        model = get_model(
            f"hf/{_name(given)}",
            config=GenerateConfig(max_retries=0, max_connections=1, temperature=sent),
            memoize=False,
            model_path=folder,
            tokenizer_path=folder,
            device=_device().partition(",")[0],
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            dtype="auto",
            **extra,
        )
    except SubjectError:
        raise
    except Exception as error:  # noqa: BLE001 - transformers raises what it likes on a stranger's configuration
        told = " ".join(str(error).split()).replace(folder, "the weights")
        raise SubjectRefusedUs(
            f"{given.subject}: no model can be made of these weights: {type(error).__name__}: {told[:600]}"
        ) from None
    return InspectModel(given.subject, replace(settings, max_connections=1), model=model)
