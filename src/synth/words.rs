//! Texts of the simulated senders and receivers.

/// The domain of a recipient: as written, in the one spelling, and its mailbox provider.
pub(super) type MailDomain = (&'static str, &'static str, &'static str);

pub(super) const CAMPAIGNS: [&str; 8] =
    ["spring", "welcome", "harvest", "digest", "loyalty", "winback", "launch", "receipt"];
pub(super) const GENRES: [&str; 6] = ["rock", "jazz", "folk", "opera", "film", "poetry"];
pub(super) const VARIANTS: [&str; 3] = ["a", "b", "control"];
pub(super) const REGIONS: [&str; 4] = ["eu-north", "eu-south", "us", "apac"];
pub(super) const POOLS: [&str; 4] = ["pool-a", "pool-b", "pool-c", "warmup"];
pub(super) const LISTS: [&str; 3] =
    ["weekly.example.com", "tickets.example.com", "news.example.net"];
pub(super) const PLACEMENTS: [&str; 4] = ["hero", "footer", "sidebar", "button"];
pub(super) const COLORS: [&str; 3] = ["green", "orange", "violet"];
pub(super) const IDENTITIES: [&str; 3] = ["mailer", "crm-worker", "ticket.desk@ops"];
pub(super) const OPERATIONS: [&str; 3] = ["SendEmail", "SendRawEmail", "SendTemplatedEmail"];

pub(super) const SENDERS: [(&str, &str); 4] = [
    ("Lantern Records <hello@lantern.example.com>", "lantern.example.com"),
    ("tickets@boxoffice.example.com", "boxoffice.example.com"),
    ("\"M\u{f8}ller & S\u{f8}n\" <post@moller.example.net>", "moller.example.net"),
    ("=?UTF-8?B?Q2Fmw6kgTWluaW0=?= <cafe@minim.example.com>", "minim.example.com"),
];

pub(super) const PEOPLE: [&str; 10] =
    ["ada", "bruno", "chidi", "dolores", "emeka", "freja", "goran", "hana", "ines", "jun"];

pub(super) const SUBJECTS: [&str; 10] = [
    "Doors open at eight: your tickets for Saturday",
    "Three records we could not stop playing this week",
    "Dein Warenkorb wartet noch auf dich \u{1f6d2}",
    "Une soir\u{e9}e \u{e0} l\u{2019}op\u{e9}ra, \u{e0} moiti\u{e9} prix",
    "\u{3042}\u{306a}\u{305f}\u{3078}\u{306e}\u{304a}\u{3059}\u{3059}\u{3081}",
    "\u{41d}\u{43e}\u{432}\u{44b}\u{435} \u{43f}\u{43b}\u{430}\u{441}\u{442}\u{438}\u{43d}\u{43a}\u{438}",
    "Your receipt 20417/B \\ thank you",
    "He said \"encore\", so we added a night",
    "\u{1f3b6} Last chance \u{2013} 20 % off all vinyl",
    "Please confirm your address",
];

/// Subjects that confuse a reader that searches the text for keys.
pub(super) const DECOY_SUBJECTS: [&str; 3] = [
    "campaign",
    "{\"eventType\":\"Bounce\",\"mail\":{\"tags\":{\"campaign\":[\"decoy\"]}}}",
    "\"tags\":{\"campaign\":[\"decoy\"],\"genre\":[\"decoy\"]},\"eventType\":\"Open\"",
];

pub(super) const AGENTS: [&str; 5] = [
    "Mozilla/5.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via relay.example.net ImageProxy)",
];

/// A link and its domain.
pub(super) const LINKS: [(&str, &str); 4] = [
    ("https://shop.example.com/vinyl?id=4711&utm_medium=email", "shop.example.com"),
    ("https://boxoffice.example.com/seats/row-7#stage", "boxoffice.example.com"),
    ("https://www.example.net/a/b/c.html", "www.example.net"),
    ("http://example.com/?q=%22encore%22&lang=fr", "example.com"),
];

/// Links that are hard to read, and their domain; empty without one.
pub(super) const ODD_LINKS: [(&str, &str); 8] = [
    ("HTTPS://Shop.EXAMPLE.com:8443/a@b.example", "shop.example.com"),
    ("https://ann:secret@shop.example.com/", "shop.example.com"),
    ("https://shop.example.com?to=https://other.example/", "shop.example.com"),
    ("https://b\u{fc}cher.example/", "xn--bcher-kva.example"),
    ("https://a_b!c.example/", "a_b_c.example"),
    ("https://[2001:db8::1]:443/", "_2001_db8__1_"),
    ("mailto:desk@boxoffice.example.com", ""),
    ("", ""),
];

/// Domains of recipients.
pub(super) const MAIL_DOMAINS: [MailDomain; 3] = [
    ("example.com", "example.com", "other"),
    ("example.net", "example.net", "other"),
    ("mail.example.net", "mail.example.net", "other"),
];

/// Domains of providers, and unusual spellings.
pub(super) const ODD_MAIL_DOMAINS: [MailDomain; 8] = [
    ("gmail.com", "gmail.com", "gmail"),
    ("GoogleMail.COM", "googlemail.com", "gmail"),
    ("hotmail.co.uk", "hotmail.co.uk", "microsoft"),
    ("Outlook.com.", "outlook.com", "microsoft"),
    ("yahoo.fr", "yahoo.fr", "yahoo"),
    ("icloud.com", "icloud.com", "apple"),
    ("B\u{dc}CHER.example", "xn--bcher-kva.example", "other"),
    ("[192.0.2.7]", "_192.0.2.7_", "other"),
];

/// Bounce type, sub-type, status, diagnostic code and class.
pub(super) const BOUNCES: [(&str, &str, &str, &str, &str); 6] = [
    (
        "Permanent",
        "NoEmail",
        "5.1.1",
        "smtp; 550 5.1.1 The mailbox \"unknown\" does not exist here\r\n550 see https://mx.example.net/help\\1",
        "hard",
    ),
    ("Permanent", "General", "5.7.1", "smtp; 554 5.7.1 Relay access denied", "hard"),
    ("Permanent", "OnAccountSuppressionList", "5.1.1", "", "suppressed"),
    (
        "Transient",
        "MailboxFull",
        "5.2.2",
        "smtp; 552 5.2.2 Over quota\n\t(in reply to end of DATA command)",
        "soft",
    ),
    ("Transient", "General", "4.4.7", "", "soft"),
    ("Undetermined", "Undetermined", "5.0.0", "x-unix; unknown mailer error \\0", "undetermined"),
];

/// Bounce type, sub-type and class.
pub(super) const ODD_BOUNCES: [(&str, &str, &str); 7] = [
    ("Permanent", "OnTenantSuppressionList", "suppressed"),
    ("Permanent", "EmailValidationSuppressed", "suppressed"),
    ("Permanent", "Suppressed", "suppressed"),
    ("Transient", "Custom Timeout: exceeded", "soft"),
    ("Permanent", "", "hard"),
    ("Permanent", " \t", "hard"),
    ("Unheard", "Of", "undetermined"),
];

/// Responses of receiving servers, and their status; empty without one.
pub(super) const ODD_REPLIES: [(&str, &str); 4] = [
    ("250 OK id=1tT9x2-0007aB-5.1.1x", ""),
    ("250 ok; from 192.0.2.55", ""),
    ("", ""),
    ("250-2.6.0 <1.2.3@mx.example.net> [InternalId=5.7.1.2] Queued\r\n250 2.1.5 ok", "2.6.0"),
];

/// Delay type, status and diagnostic code.
pub(super) const DELAYS: [(&str, &str, &str); 4] = [
    ("MailboxFull", "4.2.2", "smtp; 452 4.2.2 The account is over its quota"),
    ("TransientCommunicationFailure", "4.4.1", "smtp; 421 4.4.1 No answer from host"),
    ("IPFailure", "4.7.0", "smtp; 421 4.7.0 Too much mail from [198.51.100.7]; try later"),
    ("SpamDetected", "4.7.1", "smtp; 451 4.7.1 Greylisted, see \"postmaster\" page"),
];

pub(super) const FEEDBACK: [&str; 3] = ["abuse", "not-spam", "other"];

/// Invalid dimension values, as written inside a JSON string and decoded.
pub(super) const INVALID: [(&str, &str); 12] = [
    ("Black Friday", "Black Friday"),
    ("\u{e9}t\u{e9}", "\u{e9}t\u{e9}"),
    ("\u{1f389}sale", "\u{1f389}sale"),
    ("\\ud83c\\udf89", "\u{1f389}"),
    ("nul\\u0000byte", "nul\0byte"),
    ("a:b/c", "a:b/c"),
    ("tab\\there", "tab\there"),
    ("say \\\"hi\\\"", "say \"hi\""),
    ("\\u00e9t\\u00C9", "\u{e9}t\u{c9}"),
    (" padded ", " padded "),
    ("\u{a0}", "\u{a0}"),
    ("\u{212a}elvin", "\u{212a}elvin"),
];

/// Strings with lone surrogates, and their decoded form with U+FFFD for each.
pub(super) const BROKEN: [(&str, &str); 5] = [
    ("\\ud800", "\u{fffd}"),
    ("spring\\udc00", "spring\u{fffd}"),
    ("\\uD800\\ud800x", "\u{fffd}\u{fffd}x"),
    ("\\udfffspring\\u002d1", "\u{fffd}spring-1"),
    ("\\ud83c\\ud83c\\udf89", "\u{fffd}\u{1f389}"),
];

/// Blank values, as written inside a JSON string and decoded.
pub(super) const BLANK: [(&str, &str); 4] =
    [("", ""), ("  ", "  "), ("\\t\\r\\n", "\t\r\n"), ("\\u0020\\u000A", " \n")];

/// Tag values that are absent although their key is present.
pub(super) const ABSENT: [&str; 8] = [
    "[]",
    "null",
    "7",
    "true",
    "[null,\"second\"]",
    "[3,\"second\"]",
    "[[\"inner\"]]",
    "{\"0\":\"zero\"}",
];

/// Values of unused fields.
pub(super) const UNREAD: [&str; 14] = [
    "1e999",
    "-1E+999",
    "1234567890123456789012345678901234567890",
    "-0.0000000000000000000000000000000000000001e-400",
    "\"\\ud800 alone\"",
    "\"\\udc00\\ud800\"",
    "\"\\/\\b\\f\\u0000\\u2028\\uFFFF\"",
    "{\"campaign\":[\"decoy\"],\"eventType\":\"Bounce\",\"tags\":{\"campaign\":\"decoy\"}}",
    "{\"mail\":{\"tags\":{\"ses:configuration-set\":[\"decoy\"]}},\"notificationType\":\"Complaint\"}",
    "[{\"name\":\"X-Mailer-Pool\",\"value\":\"decoy\"},{\"headers\":[]}]",
    "{\"linkTags\":{\"placement\":[\"decoy\"]},\"timestamp\":\"2001-01-01T00:00:00Z\"}",
    "[[[[[[[[]]]],{},[],0,-0,0.5,1E1]]],true,false,null]",
    "null",
    "{\"a\":1,\"a\":{\"a\":2},\"\":\"\"}",
];

/// Names of unused fields; some are names of members of wrappings.
pub(super) const UNREAD_NAMES: [&str; 10] = [
    "eventId",
    "x-trace",
    "detail",
    "Message",
    "Records",
    "Type",
    "records",
    "rawData",
    "context",
    "experiment",
];
