"""Kafka's questions for what a user may do, in versions that aiokafka does not have."""

from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String


class _TopicRights(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", String()), ("port", Int32), ("rack", String()))),
        ("cluster_id", String()),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String()),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _TopicRightsStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka knows earlier versions only, which can't ask what is allowed."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _TopicRights
    SCHEMA = Schema(
        ("topics", Array(String())),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class TopicRightsRequest(Request[_TopicRightsStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Asks which topics there are, creating none, and what the user may do with each."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_TopicRightsStruct]) -> _TopicRightsStruct:
        create, cluster_rights, topic_rights = False, False, True
        return request_struct_class(self._topics, create, cluster_rights, topic_rights)


class _GroupRightsStruct(DescribeGroupsRequest_v3):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka reads the answer to this version as if it were that of an earlier one."""

    RESPONSE_TYPE = DescribeGroupsResponse_v3


class GroupRightsRequest(Request[_GroupRightsStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Asks about groups, and what the user may do with each."""

    API_KEY = 15

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, request_struct_class: type[_GroupRightsStruct]) -> _GroupRightsStruct:
        rights = True
        return request_struct_class(self._groups, rights)
