"""What ARR 3.0 knows in `<webFarms>`: attributes that farms have here, and those that are only kept.

Names and defaults are those of ARR's schema, `arr_schema.xml`; of the elements in which nothing is read here, only the
names stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ROUTING = "applicationRequestRouting"

FARMS_READ = ("onDemandHealthCheck",)

FARM_READ = ("name", "enabled")
FARM_KEPT: Mapping[str, str] = MappingProxyType(
    {"serverAutoStart": "true", "passConnectionCloseHeader": "false", "passServerHeader": "Replace"}
)

SERVER_READ = ("address", "enabled")
SERVER_ROUTING_READ: Mapping[str, str] = MappingProxyType(
    {
        "hostName": "",
        "weight": "100",
        "httpPort": "80",
        "httpsPort": "443",
        "healthCheckAlternateHostName": "",
        "healthCheckAlternatePort": "0",
    }
)

READ: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "protocol": {
            "httpVersion": "PassThrough",
            "keepAlive": "true",
            "timeout": "00:00:30",
            "preserveHostHeader": "true",
            "alternateHostName": "",
            "reverseRewriteHostInResponseHeaders": "false",
            "xForwardedByHeaderName": "X-Forwarded-By",
            "xForwardedByHeader": "",
            "xForwardedForHeaderName": "X-Forwarded-For",
            "includePortInXForwardedFor": "true",
            "sslHeaderName": "X-ARR-SSL",
            "logGuidName": "X-ARR-LOG-ID",
            "maxForwards": "10",
        },
        "healthCheck": {
            "url": "",
            "retries": "3",
            "interval": "00:00:30",
            "timeout": "00:00:30",
            "statusCodeMatch": "200-399",
            "responseMatch": "",
            "liveTrafficFailureCodes": "500-",
            "maxLiveTrafficFailures": "10",
            "liveTrafficFailurePeriod": "00:00:00",
            "minServers": "0",
        },
        "affinity": {"useCookie": "false", "cookieName": "ARRAffinity", "useHostName": "false"},
        "loadBalancing": {
            "algorithm": "WeightedRoundRobin",
            "leastResponseTimePeriod": "00:00:05",
            "hashServerVariable": "",
            "queryStringNames": "",
            "randomizeLBTies": "false",
        },
    }
)
"""Elements of a farm's `<applicationRequestRouting>`, the attributes of each that its Farm has, and their defaults."""

KEPT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "protocol": {
            "arrResponseHeader": "true",
            "clientCertHeaderName": "X-ARR-ClientCert",
            "logCacheHitName": "X-ARR-CACHE-HIT",
            "minResponseBuffer": "256",
            "responseBufferLimit": "4096",
            "maxResponseHeaderSize": "65536",
            "proxy": "",
            "proxyBypass": "",
            "stealthMode": "false",
            "clientCertFileName": "",
            "clientCertPassword": "[enc:AesProvider::enc]",
            "clientCertHash": "",
            "bufferChunkedResponses": "true",
        },
        "healthCheck": {},
        "affinity": {
            "hostCountersEnabled": "true",
            "useServerProvider": "false",
            "timeout": "00:20:00",
            "useExternalCache": "false",
            "ignoreSubDomain": "false",
            "ignoreSubDomainClientAffinity": "false",
            "ignoreSubDomainFragmentDepth": "2",
            "hostAffinityProvider": "Microsoft.Web.Arr.HostNameRoundRobin",
            "serverProviderImage": "",
        },
        "loadBalancing": {},
    }
)
"""The other attributes of these elements, and their defaults."""

PROXY_KEPT: Mapping[str, str] = MappingProxyType(
    {**KEPT["protocol"], **{name: value for name, value in FARM_KEPT.items() if name != "serverAutoStart"}}
)
"""The attributes of `<proxy>` that have no effect here, and their defaults."""

AS_HERE: Mapping[str, str] = MappingProxyType({"arrResponseHeader": "false", "passServerHeader": "PassThrough"})
"""Values that are not ARR's default, and say what is done here anyway."""

KEPT_ELEMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"webFarms": (ROUTING,), ROUTING: ("publicKeys",), "protocol": ("cache",), "affinity": ("host",)}
)
"""Elements that are kept as they are, by the element that they stand in."""

DEFAULT_PROVIDERS = frozenset({"Microsoft.Web.Arr.HostNameRoundRobin", "Microsoft.Web.Arr.HostNameMemory"})
"""What ARR itself writes into `<hostAffinityProviderList>`."""
