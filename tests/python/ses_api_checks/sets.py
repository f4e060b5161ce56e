"""Configuration sets, their options and tags, by version 2."""

import fcntl
import os
import re

from .support import (
    OPTIONS,
    bare,
    check,
    definition,
    listed,
    make_set,
    refused,
    same,
    shown,
    untold,
)

ARN = "arn:aws:ses:us-east-1:111122223333:configuration-set/{}"


@check
def a_set_is_created_shown_listed_and_deleted(api):
    make_set(api, "plain")
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="plain")), untold("plain"))
    same(listed(api), {"ConfigurationSets": ["plain"]})
    same(shown(api, "plain"), [])
    same(bare(api.v2.delete_configuration_set(ConfigurationSetName="plain")), {})
    same(listed(api), {"ConfigurationSets": []})


@check
def who_changes_what_another_process_is_changing_is_told(api):
    path = os.environ.get("LOCK_FILE")
    if not path:
        return "LOCK_FILE is not given"
    make_set(api, "there")
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = "The definitions are being changed by another client; retry."
        create, delete = api.v2.create_configuration_set, api.v2.delete_configuration_set
        error = api.v2.exceptions.ConcurrentModificationException
        refused(error, words, create, status=500, ConfigurationSetName="late")
        refused(error, words, delete, status=500, ConfigurationSetName="there")
        same(listed(api), {"ConfigurationSets": ["there"]})
    make_set(api, "late")
    same(listed(api), {"ConfigurationSets": ["late", "there"]})


@check
def all_options_and_tags_of_a_new_set_are_given_back(api):
    make_set(api, "full", **OPTIONS)
    found = bare(api.v2.get_configuration_set(ConfigurationSetName="full"))
    same(found, {"ConfigurationSetName": "full", **OPTIONS})


@check
def each_call_that_puts_options_replaces_them(api):
    make_set(api, "options")
    expected = untold("options")
    for call, member, block in [
        ("tracking", "TrackingOptions", OPTIONS["TrackingOptions"]),
        ("tracking", "TrackingOptions", {"CustomRedirectDomain": "other.example.com"}),
        ("delivery", "DeliveryOptions", OPTIONS["DeliveryOptions"]),
        ("delivery", "DeliveryOptions", {"TlsPolicy": "OPTIONAL", "MaxDeliverySeconds": 50400}),
        ("reputation", "ReputationOptions", {"ReputationMetricsEnabled": True}),
        ("reputation", "ReputationOptions", {"ReputationMetricsEnabled": False}),
        ("sending", "SendingOptions", {"SendingEnabled": False}),
        ("sending", "SendingOptions", {"SendingEnabled": True}),
        ("suppression", "SuppressionOptions", OPTIONS["SuppressionOptions"]),
        ("suppression", "SuppressionOptions", {"SuppressedReasons": []}),
        ("archiving", "ArchivingOptions", OPTIONS["ArchivingOptions"]),
    ]:
        put = getattr(api.v2, f"put_configuration_set_{call}_options")
        same(bare(put(ConfigurationSetName="options", **block)), {}, call)
        expected[member] = block
        found = bare(api.v2.get_configuration_set(ConfigurationSetName="options"))
        same(found, expected, f"the set after {call} options")


@check
def vdm_options_are_put(api):
    make_set(api, "vdm")
    put = api.v2.put_configuration_set_vdm_options
    for block in (OPTIONS["VdmOptions"], {"GuardianOptions": {"OptimizedSharedDelivery": "ENABLED"}}):
        same(bare(put(ConfigurationSetName="vdm", VdmOptions=block)), {})
        found = bare(api.v2.get_configuration_set(ConfigurationSetName="vdm"))
        same(found, untold("vdm", VdmOptions=block))
    wrong = {"DashboardOptions": {"EngagementMetrics": "ON"}}
    words = re.compile("EngagementMetrics")
    refused(api.v2.exceptions.BadRequestException, words, put, ConfigurationSetName="vdm", VdmOptions=wrong)
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="vdm")), untold("vdm", VdmOptions=block))


@check
def options_that_are_put_empty_are_gone(api):
    names = ("TrackingOptions", "ArchivingOptions", "DeliveryOptions", "VdmOptions", "SuppressionOptions")
    make_set(api, "empty", **{name: OPTIONS[name] for name in names})
    for call in ("tracking", "archiving", "delivery", "vdm", "suppression"):
        getattr(api.v2, f"put_configuration_set_{call}_options")(ConfigurationSetName="empty")
    # No reasons are a choice too: the account's do not hold.
    expected = untold("empty", SuppressionOptions={"SuppressedReasons": []})
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="empty")), expected)


@check
def a_fresh_start_outlives_other_reputation_options(api):
    make_set(api, "fresh", ReputationOptions=OPTIONS["ReputationOptions"])
    put = api.v2.put_configuration_set_reputation_options
    put(ConfigurationSetName="fresh", ReputationMetricsEnabled=False)
    found = api.v2.get_configuration_set(ConfigurationSetName="fresh")["ReputationOptions"]
    same(found, {**OPTIONS["ReputationOptions"], "ReputationMetricsEnabled": False})


@check
def wrong_options_are_refused(api):
    make_set(api, "wrong")
    before, bad = api.everything(), api.v2.exceptions.BadRequestException
    for call, block, words in [
        ("tracking", {"CustomRedirectDomain": "t.example.com", "HttpsPolicy": "SOMETIMES"}, "HttpsPolicy"),
        ("tracking", {"CustomRedirectDomain": ""}, "^CustomRedirectDomain must be specified.$"),
        ("tracking", {"CustomRedirectDomain": " \t"}, "^CustomRedirectDomain must be specified.$"),
        ("tracking", {"HttpsPolicy": "REQUIRE"}, "^CustomRedirectDomain must be specified.$"),
        ("delivery", {"SendingPoolName": ""}, "^sendingPoolName can't be blank.$"),
        ("delivery", {"SendingPoolName": " "}, "^sendingPoolName can't be blank.$"),
        ("delivery", {"TlsPolicy": "require"}, "TlsPolicy"),
        ("delivery", {"MaxDeliverySeconds": 299}, "MaxDeliverySeconds"),
        ("delivery", {"MaxDeliverySeconds": 50401}, "MaxDeliverySeconds"),
        ("suppression", {"SuppressedReasons": ["BOREDOM"]}, "SuppressedReasons"),
        ("archiving", {"ArchiveArn": "arn:aws:ses"}, "ArchiveArn"),
        ("archiving", {"ArchiveArn": " " * 40}, "ArchiveArn"),
    ]:
        put = getattr(api.v2, f"put_configuration_set_{call}_options")
        refused(bad, re.compile(words), put, ConfigurationSetName="wrong", **block)
        member = f"{call.title()}Options"
        create = api.v2.create_configuration_set
        refused(bad, re.compile(words), create, ConfigurationSetName="new", **{member: block})
    same(api.everything(), before, "what is stored")


@check
def values_of_another_type_are_a_fault_of_the_json(api):
    """Of the server itself: botocore makes true of "yes", and text of a number."""
    make_set(api, "typed")
    before = api.everything()
    for call, block in [
        ("tracking-options", {"CustomRedirectDomain": 5}),
        ("tracking-options", {"CustomRedirectDomain": "a.example.com", "HttpsPolicy": ["REQUIRE"]}),
        ("delivery-options", {"TlsPolicy": True}),
        ("delivery-options", {"MaxDeliverySeconds": "300"}),
        ("delivery-options", {"MaxDeliverySeconds": 300.5}),
        ("reputation-options", {"ReputationMetricsEnabled": "yes"}),
        ("reputation-options", {"ReputationMetricsEnabled": 1}),
        ("sending", {"SendingEnabled": "no"}),
        ("sending", {"SendingEnabled": [True]}),
        ("suppression-options", {"SuppressedReasons": "BOUNCE"}),
        ("suppression-options", {"SuppressedReasons": [1]}),
        ("archiving-options", {"ArchiveArn": {}}),
        ("vdm-options", {"VdmOptions": []}),
        ("vdm-options", {"VdmOptions": {"DashboardOptions": "ENABLED"}}),
    ]:
        answer = api.ask("PUT", f"/v2/email/configuration-sets/typed/{call}", block)
        same((answer.status, answer.code()), (400, "SerializationException"), f"{call} {block}")
    for body in (
        {"ConfigurationSetName": 5},
        {"ConfigurationSetName": "x", "SendingOptions": []},
        {"ConfigurationSetName": "x", "SendingOptions": True},
        {"ConfigurationSetName": "x", "Tags": {}},
        {"ConfigurationSetName": "x", "Tags": [None]},
        {"ConfigurationSetName": "x", "Tags": [{"Key": 1, "Value": ""}]},
    ):
        answer = api.ask("POST", "/v2/email/configuration-sets", body)
        same((answer.status, answer.code()), (400, "SerializationException"), repr(body))
    for body in ({"ResourceArn": 5, "Tags": []}, {"ResourceArn": ARN.format("typed"), "Tags": {}}):
        answer = api.ask("POST", "/v2/email/tags", body)
        same((answer.status, answer.code()), (400, "SerializationException"), repr(body))
    same(api.everything(), before, "what is stored")


@check
def a_boolean_that_is_left_out_of_its_block_is_false(api):
    """SDKs for Go and Rust do not send it."""
    sets = "/v2/email/configuration-sets"
    body = {"ConfigurationSetName": "off", "SendingOptions": {}, "ReputationOptions": {}}
    same(api.ask("POST", sets, body).status, 200)
    off = {
        "SendingOptions": {"SendingEnabled": False},
        "ReputationOptions": {"ReputationMetricsEnabled": False},
    }
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="off")), untold("off", **off))
    make_set(api, "on")
    for path in ("sending", "reputation-options"):
        same(api.ask("PUT", f"{sets}/on/{path}", {}).status, 200)
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="on")), untold("on", **off))


@check
def options_have_the_keys_that_were_given(api):
    """A set has delivery options only if it was given some, and no others than those."""
    given = [{"TlsPolicy": "REQUIRE"}, {"SendingPoolName": "pool"}, {"MaxDeliverySeconds": 300}]
    for at, block in enumerate(given):
        make_set(api, f"d{at}", DeliveryOptions=block)
        found = bare(api.v2.get_configuration_set(ConfigurationSetName=f"d{at}"))
        same(found, untold(f"d{at}", DeliveryOptions=block))
    put = api.v2.put_configuration_set_delivery_options
    for block in [*given, {}]:
        same(bare(put(ConfigurationSetName="d0", **block)), {})
        expected = untold("d0", DeliveryOptions=block) if block else untold("d0")
        same(bare(api.v2.get_configuration_set(ConfigurationSetName="d0")), expected)
    empty = {"TrackingOptions": {}, "DeliveryOptions": {}, "ArchivingOptions": {}, "VdmOptions": {}}
    make_set(api, "empty", **empty)
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="empty")), untold("empty"))


@check
def a_fresh_start_is_a_time_that_clients_can_read(api):
    for seconds in (b"1e300", b"-1e300", b"1e15"):
        body = b'{"ConfigurationSetName":"x","ReputationOptions":{"LastFreshStart":%s}}' % seconds
        answer = api.ask("POST", "/v2/email/configuration-sets", body)
        same((answer.status, answer.code()), (400, "BadRequestException"), f"LastFreshStart {seconds}")
        same(listed(api), {"ConfigurationSets": []})


@check
def tags_are_added_replaced_and_removed(api):
    make_set(api, "tagged", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    arn = {"ResourceArn": ARN.format("tagged")}
    same(bare(api.v2.tag_resource(**arn, Tags=[{"Key": "a", "Value": "ü"}, {"Key": "c/é", "Value": ""}])), {})
    tags = [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "ü"}, {"Key": "c/é", "Value": ""}]
    same(bare(api.v2.list_tags_for_resource(**arn)), {"Tags": tags})
    same(api.v2.get_configuration_set(ConfigurationSetName="tagged")["Tags"], tags)
    same(bare(api.v2.untag_resource(**arn, TagKeys=["b", "c/é", "none"])), {})
    same(bare(api.v2.list_tags_for_resource(**arn)), {"Tags": tags[1:2]})
    before, raised = api.everything(), api.v2.exceptions
    many = [{"Key": str(at), "Value": ""} for at in range(50)]
    refused(raised.BadRequestException, re.compile("Tags|tags"), api.v2.tag_resource, **arn, Tags=many)
    null, empty = "Value null at '{}'", "Value at '{}' failed .* length greater than or equal to 1"
    for call, arguments, words in [
        (api.v2.tag_resource, arn, null.format("tags")),
        (api.v2.tag_resource, {**arn, "Tags": []}, empty.format("tags")),
        (api.v2.untag_resource, arn, empty.format("tagKeys")),
        (api.v2.untag_resource, {**arn, "TagKeys": []}, empty.format("tagKeys")),
        (api.v2.tag_resource, {"Tags": tags}, null.format("resourceArn")),
        (api.v2.untag_resource, {"TagKeys": ["a"]}, null.format("resourceArn")),
        (api.v2.list_tags_for_resource, {}, null.format("resourceArn")),
    ]:
        refused(raised.BadRequestException, re.compile(words), call, **arguments)
    twice = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    words = "Cannot provide multiple tags with the same key"
    refused(raised.BadRequestException, words, api.v2.tag_resource, **arn, Tags=twice)
    none = {"ResourceArn": ARN.format("none")}
    words = "Configuration set <none> does not exist."
    refused(raised.NotFoundException, words, api.v2.list_tags_for_resource, 404, **none)
    refused(raised.NotFoundException, words, api.v2.tag_resource, 404, **none, Tags=tags)
    refused(raised.NotFoundException, words, api.v2.untag_resource, 404, **none, TagKeys=["a"])
    for wrong in (
        "x",
        "arn:aws:ses:us-east-1:111122223333:identity/example.com",
        "arn:aws:sns:r:1:configuration-set/tagged",
    ):
        words = re.compile("Invalid resource ARN")
        refused(raised.BadRequestException, words, api.v2.list_tags_for_resource, ResourceArn=wrong)
        refused(raised.BadRequestException, words, api.v2.tag_resource, ResourceArn=wrong, Tags=tags)
        refused(raised.BadRequestException, words, api.v2.untag_resource, ResourceArn=wrong, TagKeys=["a"])
    same(api.everything(), before, "what is stored")


@check
def a_set_is_updated_in_what_is_named(api):
    make_set(api, "full", **OPTIONS)
    same(bare(api.v2.update_configuration_set(ConfigurationSetName="full")), {})
    same(
        bare(api.v2.get_configuration_set(ConfigurationSetName="full")),
        {"ConfigurationSetName": "full", **OPTIONS},
    )
    block = {"SigningScheme": {"DefaultScheme": {}}}
    same(bare(api.v2.update_configuration_set(ConfigurationSetName="full", MessageSecurityOptions=block)), {})
    expected = {"ConfigurationSetName": "full", **OPTIONS, "MessageSecurityOptions": block}
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="full")), expected)
    words, missing = "Configuration set <none> does not exist.", api.v2.exceptions.NotFoundException
    refused(
        missing,
        words,
        api.v2.update_configuration_set,
        404,
        ConfigurationSetName="none",
        MessageSecurityOptions=block,
    )


@check
def tags_have_their_limits(api):
    make_set(api, "tagged", Tags=[{"Key": f"é{at}".ljust(128, "k"), "Value": "ü" * 256} for at in range(50)])
    found = api.v2.get_configuration_set(ConfigurationSetName="tagged")["Tags"]
    same((len(found), found[49]), (50, {"Key": "é49".ljust(128, "k"), "Value": "ü" * 256}))
    for tags in (
        [{"Key": str(at), "Value": ""} for at in range(51)],
        [{"Key": "k" * 129, "Value": ""}],
        [{"Key": "", "Value": ""}],
        [{"Key": "k", "Value": "v" * 257}],
        [{"Key": "k"}],
        [{"Key": "a\nb", "Value": ""}],
    ):
        create = api.v2.create_configuration_set
        refused(
            api.v2.exceptions.BadRequestException,
            re.compile("Tags|Key|Value"),
            create,
            ConfigurationSetName="t",
            Tags=tags,
        )
    same(listed(api), {"ConfigurationSets": ["tagged"]})


@check
def what_is_known_already_or_not_at_all_is_an_error_of_its_class(api):
    known, missing = api.v2.exceptions.AlreadyExistsException, api.v2.exceptions.NotFoundException
    make_set(api, "known", Tags=[{"Key": "first", "Value": "1"}])
    before = api.everything()
    words = "Configuration set <known> already exists."
    refused(known, words, api.v2.create_configuration_set, ConfigurationSetName="known")
    same(api.everything(), before, "what is stored")
    words = "Configuration set <none> does not exist."
    at, to = {"ConfigurationSetName": "none"}, {"EventDestinationName": "d"}
    for call, arguments in [
        ("get_configuration_set", {}),
        ("delete_configuration_set", {}),
        ("get_configuration_set_event_destinations", {}),
        ("create_configuration_set_event_destination", {**to, "EventDestination": definition()}),
        ("update_configuration_set_event_destination", {**to, "EventDestination": definition()}),
        ("delete_configuration_set_event_destination", to),
        ("put_configuration_set_tracking_options", {}),
        ("put_configuration_set_delivery_options", {}),
        ("put_configuration_set_reputation_options", {}),
        ("put_configuration_set_sending_options", {"SendingEnabled": True}),
        ("put_configuration_set_suppression_options", {}),
        ("put_configuration_set_vdm_options", {"VdmOptions": {}}),
        ("put_configuration_set_archiving_options", {}),
    ]:
        refused(missing, words, getattr(api.v2, call), status=404, **at, **arguments)
    same(api.everything(), before, "what is stored")
