"""Lists of configuration sets, by version 2."""

from urllib.parse import urlencode

from .support import check, listed, make_set, refused, same, true


def make_page_sets(api):
    names = [f"page-{at:02}" for at in range(25)]
    for name in reversed(names):
        make_set(api, name)
    return names


@check
def sets_are_listed_by_pages(api):
    names, pages, token = make_page_sets(api), [], {}
    while not pages or token:
        page = listed(api, PageSize=10, **token)
        pages.append(page.pop("ConfigurationSets"))
        token = {"NextToken": page.pop("NextToken")} if "NextToken" in page else {}
        same(page, {}, "other members of a page")
        true(len(pages) <= 3, "the pages do not end")
    same(pages, [names[:10], names[10:20], names[20:]])
    for size in ({}, {"PageSize": 25}, {"PageSize": 1000}):
        same(listed(api, **size), {"ConfigurationSets": names}, size)


@check
def pages_go_on_where_they_ended(api):
    names = make_page_sets(api)
    first = listed(api, PageSize=10)
    for gone in names[5:12]:
        api.v2.delete_configuration_set(ConfigurationSetName=gone)
    make_set(api, "page-00a")
    make_set(api, "page-15a")
    rest = listed(api, NextToken=first["NextToken"])
    same(rest, {"ConfigurationSets": sorted([*names[12:], "page-15a"])})


@check
def lists_are_filtered_by_names(api):
    make_page_sets(api)
    make_set(api, "PAGE-E-1")
    narrow = {"Filter": {"CONFIGURATION_SET_NAME_CONTAINS": "e-1"}}
    names = ["PAGE-E-1"] + [f"page-1{at}" for at in range(10)]
    first = listed(api, PageSize=4, **narrow)
    same(first["ConfigurationSets"], names[:4])
    same(listed(api, NextToken=first["NextToken"], **narrow), {"ConfigurationSets": names[4:]})
    none = {"Filter": {"CONFIGURATION_SET_NAME_CONTAINS": "nowhere"}}
    same(listed(api, **none), {"ConfigurationSets": []})
    any_case = {"Filter": {"CONFIGURATION_SET_NAME_CONTAINS": "E-e-"}}
    same(listed(api, **any_case), {"ConfigurationSets": ["PAGE-E-1"]})


@check
def the_older_form_of_lists_has_pages_too(api):
    names, pages, query = make_page_sets(api), [], {"PageSize": 10}
    while query:
        answer = api.ask("GET", "/v2/email/configuration-sets?" + urlencode(sorted(query.items())))
        same(answer.status, 200, repr(answer))
        page = answer.json()
        pages.append(page["ConfigurationSets"])
        token = page.get("NextToken")
        query = {"PageSize": 10, "NextToken": token} if token else {}
        true(len(pages) <= 3, "the pages do not end")
    same(pages, [names[:10], names[10:20], names[20:]])
    whole = {"ConfigurationSets": names}
    same(api.ask("GET", "/v2/email/configuration-sets").json(), whole)
    # A token of one form is one of the other.
    token = listed(api, PageSize=20)["NextToken"]
    query = urlencode({"NextToken": token})
    answer = api.ask("GET", f"/v2/email/configuration-sets?{query}")
    same(answer.json(), {"ConfigurationSets": names[20:]})


@check
def wrong_pages_are_refused(api):
    bad, call = api.v2.exceptions.BadRequestException, api.v2.list_configuration_sets
    for size in (0, 1001, -1, 2**31, -(2**63)):
        refused(bad, "PageSize must be a number from 1 to 1000.", call, PageSize=size)
    for token in ("!", "not a token", "é", "/w=="):
        refused(bad, "The NextToken is not valid.", call, NextToken=token)
    for query in ("PageSize=1001", "PageSize=-1", "NextToken=%21"):
        answer = api.ask("GET", f"/v2/email/configuration-sets?{query}")
        same((answer.status, answer.code()), (400, "BadRequestException"), query)
    for query in ("PageSize=ten", "PageSize=1.5", "PageSize=99999999999999999999"):
        answer = api.ask("GET", f"/v2/email/configuration-sets?{query}")
        same((answer.status, answer.code()), (400, "SerializationException"), query)
    name = {"CONFIGURATION_SET_NAME_CONTAINS": 5}
    for body in (
        {"PageSize": "10"},
        {"PageSize": 1.5},
        {"PageSize": True},
        {"NextToken": 5},
        {"Filter": "x"},
        {"Filter": name},
        "x",
        5,
    ):
        answer = api.ask("POST", "/v2/email/list-configuration-sets", body)
        same((answer.status, answer.code()), (400, "SerializationException"), repr(body))
    for body in ({"PageSize": None, "NextToken": None, "Filter": None}, {"Filter": dict.fromkeys(name)}):
        same(api.ask("POST", "/v2/email/list-configuration-sets", body).status, 200, repr(body))


@check
def what_is_no_object_lists_nothing(api):
    for body in (b"[]", b"null", b'[{"CONFIGURATION_SET_NAME_CONTAINS":"x"},null,5]'):
        answer = api.ask("POST", "/v2/email/list-configuration-sets", body)
        same((answer.status, answer.code()), (400, "SerializationException"), repr(body))
