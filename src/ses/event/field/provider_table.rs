//! The built-in mailbox providers: public mail services, and the domains of the addresses that they
//! offer or offered.
//!
//! Compared with the lists in <https://github.com/validatorjs/validator.js> (`normalizeEmail.js`) on
//! 2026-12-01. Cox has let Yahoo serve cox.net since October 2024.

/// Changes with the table, because the same events then have other values.
pub(crate) const MAILBOX_PROVIDERS_VERSION: &str = "2026-12-01";

/// A provider, and the domains of its addresses in lower case, separated by spaces. Brands that one
/// company runs on the same servers are one provider.
pub(super) const PROVIDERS: &[(&str, &str)] = &[
    ("gmail", "gmail.com googlemail.com"),
    (
        "microsoft",
        "hotmail.at hotmail.be hotmail.ca hotmail.ch hotmail.cl hotmail.co.il \
         hotmail.co.jp hotmail.co.nz hotmail.co.th hotmail.co.uk hotmail.co.za \
         hotmail.com hotmail.com.ar hotmail.com.au hotmail.com.br hotmail.com.gr \
         hotmail.com.hk hotmail.com.mx hotmail.com.pe hotmail.com.tr hotmail.com.tw \
         hotmail.com.vn hotmail.cz hotmail.de hotmail.dk hotmail.es hotmail.fi hotmail.fr \
         hotmail.gr hotmail.hu hotmail.id hotmail.ie hotmail.in hotmail.it hotmail.jp \
         hotmail.kr hotmail.lv hotmail.my hotmail.nl hotmail.no hotmail.ph hotmail.pt \
         hotmail.rs hotmail.sa hotmail.se hotmail.sg hotmail.sk live.at live.be live.ca \
         live.cl live.cn live.co.kr live.co.uk live.co.za live.com live.com.ar \
         live.com.au live.com.mx live.com.my live.com.pt live.com.sg live.de live.dk \
         live.es live.eu live.fi live.fr live.hk live.ie live.in live.it live.jp live.nl \
         live.no live.ru live.se msn.com outlook.at outlook.be outlook.cl outlook.co.id \
         outlook.co.il outlook.co.nz outlook.co.th outlook.com outlook.com.ar \
         outlook.com.au outlook.com.br outlook.com.gr outlook.com.pe outlook.com.tr \
         outlook.com.vn outlook.cz outlook.de outlook.dk outlook.es outlook.fr outlook.hu \
         outlook.id outlook.ie outlook.in outlook.it outlook.jp outlook.kr outlook.lv \
         outlook.my outlook.ph outlook.pt outlook.sa outlook.sg outlook.sk passport.com \
         windowslive.com",
    ),
    (
        "yahoo",
        "aim.com aol.co.uk aol.com aol.de aol.fr aol.it cox.net myyahoo.com \
         rocketmail.com verizon.net yahoo.at yahoo.be yahoo.bg yahoo.ca yahoo.cl \
         yahoo.co.id yahoo.co.il yahoo.co.in yahoo.co.kr yahoo.co.nz yahoo.co.th \
         yahoo.co.uk yahoo.co.za yahoo.com yahoo.com.ar yahoo.com.au yahoo.com.br \
         yahoo.com.co yahoo.com.hk yahoo.com.hr yahoo.com.mx yahoo.com.my yahoo.com.pe \
         yahoo.com.ph yahoo.com.sg yahoo.com.tr yahoo.com.tw yahoo.com.ua yahoo.com.ve \
         yahoo.com.vn yahoo.cz yahoo.de yahoo.dk yahoo.ee yahoo.es yahoo.fi yahoo.fr \
         yahoo.gr yahoo.hu yahoo.ie yahoo.in yahoo.it yahoo.lt yahoo.lv yahoo.nl yahoo.no \
         yahoo.pl yahoo.pt yahoo.ro yahoo.se yahoo.sk ymail.com",
    ),
    ("yahoo-japan", "yahoo.co.jp yahoo.ne.jp ymail.ne.jp"),
    ("apple", "icloud.com mac.com me.com privaterelay.appleid.com"),
    (
        "att",
        "ameritech.net att.net bellsouth.net currently.com flash.net nvbell.net pacbell.net \
         prodigy.net sbcglobal.net snet.net swbell.net wans.net",
    ),
    ("bell-canada", "bell.net sympatico.ca"),
    ("bluewin", "bluewin.ch"),
    ("bt", "btinternet.com btopenworld.com talk21.com"),
    ("comcast", "comcast.net xfinity.com"),
    ("daum", "daum.net hanmail.net kakao.com"),
    ("docomo", "docomo.ne.jp"),
    ("fastmail", "fastmail.com fastmail.fm sent.com"),
    ("free", "free.fr"),
    ("gmx", "gmx.at gmx.ch gmx.com gmx.de gmx.es gmx.fr gmx.net gmx.us"),
    ("interia", "interia.eu interia.pl poczta.fm"),
    ("kddi", "au.com ezweb.ne.jp"),
    ("kpn", "hetnet.nl kpnmail.nl planet.nl"),
    ("laposte", "laposte.net"),
    ("libero", "blu.it giallo.it inwind.it iol.it libero.it virgilio.it"),
    ("mail-com", "email.com mail.com"),
    ("mailru", "bk.ru inbox.ru internet.ru list.ru mail.ru xmail.ru"),
    ("naver", "naver.com"),
    ("netease", "126.com 163.com 188.com vip.126.com vip.163.com yeah.net"),
    ("onet", "onet.eu onet.pl op.pl poczta.onet.pl vp.pl"),
    ("optus", "optusnet.com.au"),
    ("orange", "orange.fr wanadoo.fr"),
    ("proton", "pm.me proton.me protonmail.ch protonmail.com"),
    ("proximus", "proximus.be skynet.be"),
    ("qq", "foxmail.com qq.com vip.qq.com"),
    ("rambler", "lenta.ru rambler.ru ro.ru"),
    ("rediff", "rediffmail.com"),
    ("seznam", "email.cz post.cz seznam.cz spoluzaci.cz"),
    ("sfr", "cegetel.net club-internet.fr neuf.fr numericable.fr sfr.fr"),
    ("shaw", "shaw.ca"),
    ("sina", "sina.cn sina.com vip.sina.com"),
    ("softbank", "i.softbank.jp softbank.ne.jp"),
    ("sohu", "sohu.com"),
    ("spectrum", "brighthouse.com charter.net rr.com spectrum.net twc.com"),
    ("t-online", "magenta.de t-online.de"),
    ("telenet", "telenet.be"),
    ("telia", "telia.com"),
    ("telstra", "bigpond.com bigpond.net.au telstra.com"),
    ("terra", "terra.com.br"),
    ("tiscali", "tiscali.it"),
    ("tuta", "keemail.me tuta.com tuta.io tutamail.com tutanota.com tutanota.de"),
    ("uol", "bol.com.br uol.com.br"),
    ("virgin-media", "blueyonder.co.uk ntlworld.com virgin.net virginmedia.com"),
    ("web-de", "web.de"),
    ("wp", "o2.pl tlen.pl wp.pl"),
    ("xtra", "xtra.co.nz"),
    ("yandex", "narod.ru ya.ru yandex.by yandex.com yandex.kz yandex.ru yandex.ua"),
    ("ziggo", "casema.nl chello.nl home.nl quicknet.nl upcmail.nl ziggo.nl"),
    ("zoho", "zoho.com zoho.eu zoho.in zohomail.com zohomail.eu zohomail.in"),
];
