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
    make_set(
        api, "empty", TrackingOptions=OPTIONS["TrackingOptions"], ArchivingOptions=OPTIONS["ArchivingOptions"]
    )
    api.v2.put_configuration_set_tracking_options(ConfigurationSetName="empty")
    api.v2.put_configuration_set_archiving_options(ConfigurationSetName="empty")
    same(bare(api.v2.get_configuration_set(ConfigurationSetName="empty")), untold("empty"))


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
        ("tracking", {"CustomRedirectDomain": ""}, "CustomRedirectDomain"),
        ("delivery", {"TlsPolicy": "require"}, "TlsPolicy"),
        ("delivery", {"MaxDeliverySeconds": 299}, "MaxDeliverySeconds"),
        ("delivery", {"MaxDeliverySeconds": 50401}, "MaxDeliverySeconds"),
        ("reputation", {"ReputationMetricsEnabled": "yes"}, "ReputationMetricsEnabled"),
        ("sending", {"SendingEnabled": "no"}, "SendingEnabled"),
        ("suppression", {"SuppressedReasons": ["BOREDOM"]}, "SuppressedReasons"),
        ("archiving", {"ArchiveArn": "arn:aws:ses"}, "ArchiveArn"),
    ]:
        put = getattr(api.v2, f"put_configuration_set_{call}_options")
        # botocore makes true of "yes"; the server must be asked itself.
        if call in ("reputation", "sending"):
            path = f"/v2/email/configuration-sets/wrong/{'sending' if call == 'sending' else 'reputation-options'}"
            answer = api.ask("PUT", path, block)
            same((answer.status, answer.code()), (400, "BadRequestException"), repr(block))
        else:
            refused(bad, re.compile(words), put, ConfigurationSetName="wrong", **block)
    same(api.everything(), before, "what is stored")


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
    arn = {"ResourceArn": "arn:aws:ses:us-east-1:111122223333:configuration-set/tagged"}
    same(bare(api.v2.tag_resource(**arn, Tags=[{"Key": "a", "Value": "ü"}, {"Key": "c/é", "Value": ""}])), {})
    tags = [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "ü"}, {"Key": "c/é", "Value": ""}]
    same(bare(api.v2.list_tags_for_resource(**arn)), {"Tags": tags})
    same(api.v2.get_configuration_set(ConfigurationSetName="tagged")["Tags"], tags)
    same(bare(api.v2.untag_resource(**arn, TagKeys=["b", "c/é", "none"])), {})
    same(bare(api.v2.list_tags_for_resource(**arn)), {"Tags": tags[1:2]})
    before, raised = api.everything(), api.v2.exceptions
    many = [{"Key": str(at), "Value": ""} for at in range(50)]
    refused(raised.BadRequestException, re.compile("Tags|tags"), api.v2.tag_resource, **arn, Tags=many)
    none = {"ResourceArn": arn["ResourceArn"].replace("tagged", "none")}
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
