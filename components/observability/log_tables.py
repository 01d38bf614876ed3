"""The access logs as tables, so that a question to a year of them is a line of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import athena, glue

from components.base import Component, Transforms
from components.observability.log_formats import Format

#: A question that would read more is stopped: 100 GiB are half a dollar.
MOST_BYTES = 100 * 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class LogTable:
    """A table. location: the folder of the log, `s3://<bucket>/<prefix>`, without a slash at its end."""

    format: Format
    location: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class LogTablesArgs:
    """tables: name (letters, digits, underscores) → table."""

    tables: Mapping[str, LogTable]


class LogTables(Component):
    """A workgroup of Athena, and tables over logs in S3.

    Makes: ``aws:athena:Workgroup`` (``workgroup``: results are kept by Athena for a day, encrypted, in no bucket of ours),
    ``aws:glue:CatalogDatabase`` (``database``) and a ``CatalogTable`` for each of `tables`.
    """

    def __init__(
        self,
        name: str,
        args: LogTablesArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self.make(
            "workgroup",
            athena.Workgroup,
            athena.WorkgroupArgs(
                name=self.physical_name(),
                description="Questions to access logs",
                force_destroy=True,
                configuration=athena.WorkgroupConfigurationArgs(
                    bytes_scanned_cutoff_per_query=MOST_BYTES,
                    enforce_workgroup_configuration=True,
                    publish_cloudwatch_metrics_enabled=True,
                    managed_query_results_configuration=athena.WorkgroupConfigurationManagedQueryResultsConfigurationArgs(
                        enabled=True
                    ),
                ),
            ),
        )
        # Glue takes lower case, digits and underscores.
        database = self.make(
            "database",
            glue.CatalogDatabase,
            glue.CatalogDatabaseArgs(name=self.physical_name().replace("-", "_"), description="Access logs"),
        )
        for table, each in args.tables.items():
            self.make(table.replace("_", "-"), glue.CatalogTable, _table(table, each, database.name))
        self.register_outputs({"database": database.name})


def _table(name: str, table: LogTable, database: pulumi.Input[str]) -> glue.CatalogTableArgs:
    form = table.format
    found: dict[str, pulumi.Input[str]] = {"EXTERNAL": "TRUE", **form.projection}
    if form.partitions:
        found["projection.enabled"] = "true"
        found["storage.location.template"] = pulumi.Output.concat(table.location, "/", form.path)
    return glue.CatalogTableArgs(
        name=name,
        database_name=database,
        description=form.description,
        table_type="EXTERNAL_TABLE",
        parameters=found,
        partition_keys=[
            glue.CatalogTablePartitionKeyArgs(name=column, type=kind) for column, kind in form.partitions.items()
        ],
        storage_descriptor=glue.CatalogTableStorageDescriptorArgs(
            location=pulumi.Output.concat(table.location, "/"),
            input_format=form.formats[0],
            output_format=form.formats[1],
            columns=[
                glue.CatalogTableStorageDescriptorColumnArgs(name=column, type=kind)
                for column, kind in form.columns.items()
            ],
            ser_de_info=glue.CatalogTableStorageDescriptorSerDeInfoArgs(
                serialization_library=form.serde, parameters=dict(form.serde_parameters)
            ),
        ),
    )
