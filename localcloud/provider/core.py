"""The provider's core: rows, schema, emulator and store in one place; the verbs are check.py, diff.py, apply.py and read.py."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from localcloud.provider import apply, check, diff, imports, read, references
from localcloud.provider.clients import OperationClients
from localcloud.provider.diff import Difference
from localcloud.provider.errors import Gone, Refused
from localcloud.provider.kept import KeptProperties
from localcloud.provider.read import Settings
from localcloud.provider.row import Context, Inputs, Row, Rows
from localcloud.provider.rows import FILES
from localcloud.provider.schema import Schema
from localcloud.provider.templates import fill
from localcloud.provider.translate import Translator
from localcloud.provider.validate import Failure
from localcloud.provider.wire import Properties
from localcloud.runtime.addresses import AddressBook


class Core:
    """All kinds that have a row."""

    def __init__(
        self,
        rows: Rows,
        schema: Schema,
        clients: OperationClients,
        store: KeptProperties,
        addresses: AddressBook,
        ingress: str,
    ) -> None:
        self.rows, self.clients, self.store, self.schema = rows, clients, store, schema
        self._addresses, self._ingress = addresses, ingress
        self._translators: dict[str, Translator] = {}
        self.pool = ThreadPoolExecutor(8, thread_name_prefix="references")
        self.seen = references.Seen()
        self._account = ""

    def account(self) -> str:
        """The emulator's account number."""
        if not self._account:
            self._account = self.clients.call("sts", "us-east-1", "get_caller_identity", {})["Account"]
        return self._account

    def translator(self, token: str) -> Translator:
        """The translator of a kind; Refused for a kind without a row."""
        if token not in self._translators:
            if token not in self.rows:
                service = token.split(":")[1].split("/")[0] if token.count(":") == 2 else token
                raise Refused(
                    f"the local provider has no row for {token}: add one to localcloud/provider/rows/"
                    f"{FILES.get(service, service)}.py (docs/local-provider.md says how)"
                )
            self._translators[token] = Translator(self.schema.kind(token), self.rows[token], self.schema)
        return self._translators[token]

    # ---- the verbs

    def check(
        self,
        settings: Settings,
        token: str,
        name: str,
        news: Inputs,
        olds: Inputs,
        seed: bytes = b"",
        proposed: str | None = None,
    ) -> tuple[Inputs, list[Failure]]:
        """Inputs with names and defaults filled in, and every reason to refuse them."""
        return check.check(self, settings, token, check.Request(name, news, olds, seed, proposed))

    def diff(
        self,
        token: str,
        olds: Inputs,
        news: Inputs,
        ignored: frozenset[str] = frozenset(),
        state: Properties | None = None,
    ) -> Difference:
        """What an update would change, and whether AWS can change it in place."""
        return diff.diff(self.translator(token), olds, news, ignored, state or {})

    def create(self, settings: Settings, token: str, inputs: Inputs) -> tuple[str, Properties]:
        """Make the resource; its id and outputs."""
        return apply.create(self, settings, token, inputs)

    def update(
        self, settings: Settings, token: str, resource_id: str, olds: Inputs, news: Inputs, outputs: Properties
    ) -> Properties:
        """Change what differs; the new outputs."""
        try:
            return apply.update(self, settings, token, resource_id, olds, news, outputs)
        except Gone as gone:
            raise Refused(
                f"{token}: {resource_id!r} does not exist any more: `pulumi refresh` takes it out of the state"
            ) from gone

    def delete(self, settings: Settings, token: str, resource_id: str, inputs: Inputs, outputs: Properties) -> None:
        """Take the resource away; one that is gone already is fine."""
        try:
            apply.delete(self, settings, token, resource_id, inputs, outputs)
        finally:
            self.seen.deleted()

    def read(
        self, settings: Settings, token: str, resource_id: str, inputs: Inputs, state: Properties | None = None
    ) -> tuple[Inputs, Properties]:
        """The inputs that would make what is live, and the outputs. Gone when nothing is."""
        return read.read(self, settings, token, resource_id, inputs, state or {})

    def importable(self, settings: Settings, token: str, given: str) -> tuple[str, Inputs]:
        """Our id of what the official provider's import id names, and the inputs to read it by."""
        row = self.translator(token).row

        def call(operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            return self.clients.call(row.service, settings.region, operation, arguments)

        return imports.resolve(token, given, call)

    # ---- what the verbs share

    @staticmethod
    def region(row: Row, settings: Settings, inputs: Inputs) -> str:
        """The Region that a resource lives in: fixed by its kind, said by the program, or the provider's."""
        fixed = fill(row.region, {"in": inputs}) if row.region else None
        return str(fixed or inputs.get("region") or settings.region)

    def context(self, settings: Settings, row: Row, resource_id: str, inputs: Inputs, outputs: Properties) -> Context:
        """The environment that a row's templates and code see."""
        region = self.region(row, settings, inputs)
        environment: dict[str, Any] = {
            "in": inputs,
            "out": outputs,
            "region": region,
            "account": self.account(),
            "ingress": self._ingress,
            "el": {},
        }
        context = Context(
            call=partial(self._raw, row.service, region),
            environment=environment,
            lease=self._addresses.lease,
            release=self._addresses.release,
            ingress=self._ingress,
            recorded=self.store.of_kind,
            elsewhere=partial(self._raw, row.service),
        )
        if resource_id:
            context.locate(resource_id)
        return context

    def _raw(
        self, service: str, region: str, operation: str, arguments: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return self.clients.call(service, region, operation, arguments or {})
