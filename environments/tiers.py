"""What each tier of environment starts from; a Pulumi.<stack>.yaml says only what differs from its tier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.vocabulary import Tier

_NO_EXTRA_GROUPS = {"anonymous": "off", "bots": "off", "takeover": "off"}

PRODUCTION: Mapping[str, Any] = {
    "network": {
        "cidr": "10.40.0.0/16",
        "zones": ["a", "b", "c"],
        "nat": "per-zone",
        "interface_endpoints": True,
        "dual_stack": False,
        "flow_logs": "s3",
        "dns_firewall": "block",
        "bastion": True,
    },
    "postgres": {
        "instance_class": "db.r7g.large",
        "storage_gb": 200,
        "max_storage_gb": 2000,
        "max_connections": 1500,
        "engine_version": "17",
        "replicas": 0,
        "backup_days": 35,
        "insights": "advanced",
        "monitoring_seconds": 15,
    },
    "broker": {"node_type": "cache.m7g.large", "replicas": 1, "snapshot_days": 14},
    "cache": {"node_type": "cache.r7g.large", "shards": 2, "replicas": 1, "snapshot_days": 7},
    "compute": {
        "scaling": True,
        "spot_percent": 0,
        "vcpu_quota": 6,
        "insights": "enhanced",
        "log_level": "INFO",
        "traces": 0.05,
    },
    "image": {},
    "edge": {
        "requests_per_five_minutes": 2000,
        "firewall": {"anonymous": "count", "bots": "count", "takeover": "block"},
        "price_class": "PriceClass_All",
    },
    "logs": {"retention_days": 365},
    "usage": {  # assumed: 100 million requests are 38 a second, all the month
        "requests_millions": 100,
        "capacity_units": 2,
        "cdn_gb": 1000,
        "nat_gb": 100,
        "endpoint_gb": 100,
        "logs_gb": 100,
        "logs_kept_gb": 600,
        "bucket_gb": 200,
        "backup_gb": 200,
        "images_gb": 20,
    },
}

DEVELOPMENT: Mapping[str, Any] = {
    "network": {
        "cidr": "10.30.0.0/16",
        "zones": ["a", "b"],
        "nat": "single",
        "interface_endpoints": False,
        "dual_stack": False,
        "flow_logs": "cloudwatch",
        "dns_firewall": "alert",
        "bastion": True,
    },
    "postgres": {
        "instance_class": "db.t4g.medium",
        "storage_gb": 20,
        "max_storage_gb": 100,
        "max_connections": 400,  # about what RDS itself would give this size
        "engine_version": "17",
        "replicas": 0,
        "backup_days": 7,
        "insights": "standard",
        "monitoring_seconds": 60,
    },
    "broker": {"node_type": "cache.t4g.small", "replicas": 0, "snapshot_days": 1},
    "cache": {"node_type": "cache.t4g.small", "shards": 1, "replicas": 0, "snapshot_days": 1},
    "compute": {
        "scaling": True,
        "hours": {
            "days": ["mon", "tue", "wed", "thu", "fri"],
            "begin": "08:00",
            "end": "21:00",
            "timezone": "Asia/Kolkata",
        },
        "spot_percent": 80,
        "vcpu_quota": 6,
        "insights": "enabled",
        "log_level": "DEBUG",
        "traces": 1.0,
    },
    "image": {},
    "edge": {"requests_per_five_minutes": 2000, "firewall": _NO_EXTRA_GROUPS, "price_class": "PriceClass_100"},
    "logs": {"retention_days": 30},
    "usage": {  # assumed
        "task_hours": 282,  # compute.hours
        "requests_millions": 1,
        "capacity_units": 1,
        "cdn_gb": 10,
        "nat_gb": 20,
        "endpoint_gb": 10,
        "logs_gb": 10,
        "logs_kept_gb": 10,
        "bucket_gb": 10,
        "backup_gb": 20,
        "images_gb": 20,
    },
    # Razorpay's test mode is a matter of its keys.
    "endpoints": {"CASHFREE_URL": "https://sandbox.cashfree.com", "SECURE_ID_URL": "https://sandbox.cashfree.com"},
    "relaxed": {
        "deletion_protection": "development holds no data that cannot be made again",
        "high_availability": "development may stop with a zone; a standby would double its cost",
    },
}

LAPTOP: Mapping[str, Any] = {
    "network": {
        "cidr": "10.20.0.0/16",
        "zones": ["a", "b"],
        "nat": "single",
        "interface_endpoints": False,
        "dual_stack": False,
        "flow_logs": "cloudwatch",
        "dns_firewall": "off",
        "bastion": False,
    },
    "postgres": {
        "instance_class": "db.t4g.micro",
        "storage_gb": 20,
        "max_storage_gb": 40,
        "max_connections": 400,  # its own server: a connection that nobody uses costs next to nothing
        "engine_version": "17",
        "replicas": 0,
        "backup_days": 1,
        "insights": "off",
        "monitoring_seconds": 0,
    },
    "broker": {"node_type": "cache.t4g.micro", "replicas": 0, "snapshot_days": 0},
    "cache": {"node_type": "cache.t4g.micro", "shards": 1, "replicas": 0, "snapshot_days": 0},
    "compute": {
        "scaling": False,
        "spot_percent": 0,
        "vcpu_quota": 1000,
        "insights": "disabled",
        "log_level": "INFO",
        "traces": 1.0,
    },
    "image": {"tag": "current"},  # the code of this clone, whatever it is
    "edge": {"requests_per_five_minutes": 20000, "firewall": _NO_EXTRA_GROUPS, "price_class": "PriceClass_100"},
    "logs": {"retention_days": 7},
    # The stand-ins of localcloud/partners, by names that the local cloud resolves for tasks.
    "endpoints": {
        "RAZORPAY_URL": "http://razorpay.partners:8090",
        "CASHFREE_URL": "http://cashfree.partners:8090",
        "SECURE_ID_URL": "http://secure-id.partners:8090",
        "MESSAGES_URL": "http://messages.partners:8090",
        "OIDC_URL": "http://oidc.partners:8090",
        "DIGILOCKER_URL": "http://digilocker.partners:8090",
        "ESIGN_URL": "http://esign.partners:8090",
        "FPL_URL": "http://fpl.partners:8090",
        "F1DB_URL": "http://f1db.partners:8090",
        "CRICSHEET_URL": "http://cricsheet.partners:8090",
        "SCORER_URL": "http://scorer.partners:8090",
    },
    "relaxed": {
        "deletion_protection": "the data of one machine can be made again by one command",
        "high_availability": "one machine is one zone",
        "tls_inside": "PostgreSQL and Valkey listen on loopback addresses of one machine; nothing leaves it",
        "https": "the ingress listens on a loopback address of one machine, for which no authority signs a certificate",
    },
}

TIERS: Mapping[str, Mapping[str, Any]] = {
    Tier.PRODUCTION: PRODUCTION,
    Tier.DEVELOPMENT: DEVELOPMENT,
    Tier.LAPTOP: LAPTOP,
}
