//! The table of helpers: evaluation, documentation and tests read it.

use super::{
    Call::{Chosen, Form, Parts, Whole},
    Helper, collections, data, lists, net, numbers, strings, text, time, version,
};

macro_rules! helpers {
    ($($group:literal {$($signature:literal, $call:expr, $doc:literal, $template:literal => $result:literal;)*})*) => {
        &[$($(Helper {
            name: first_word($signature),
            group: $group,
            signature: $signature,
            doc: $doc,
            example: ($template, $result),
            call: $call,
        }),*),*]
    };
}

const fn first_word(signature: &'static str) -> &'static str {
    let bytes = signature.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b' ' {
        end += 1;
    }
    signature.split_at(end).0
}

/// All helpers, in the order in which they are documented. The examples are rendered without variables; there is a file `motd` that
/// holds `welcome`, and the run began with the year 2026.
pub const HELPERS: &[Helper] = helpers! {
    "comparison and logic" {
    "eq a b", Whole(data::eq), "whether two values are equal", r#"{{eq "x" "x"}}"# => "true";
    "ne a b", Whole(data::ne), "whether two values differ", r#"{{ne 1 2}}"# => "true";
    "lt a b", Whole(data::lt), "whether `a` is less than `b`: two numbers or two strings", "{{lt 1 2}}" => "true";
    "le a b", Whole(data::le), "whether `a` is at most `b`", "{{le 2 2}}" => "true";
    "gt a b", Whole(data::gt), "whether `a` is greater than `b`", "{{gt 1 2}}" => "false";
    "ge a b", Whole(data::ge), "whether `a` is at least `b`", "{{ge 2 1}}" => "true";
    "and a b...", Form, "whether all are true; stops at the first that is not", "{{and true (eq 1 1)}}" => "true";
    "or a b...", Form, "whether one is true; stops at the first that is", "{{or false (eq 1 1)}}" => "true";
    "not a", Form, "true for false and false for true", "{{not false}}" => "true";
    "in needle haystack", Whole(data::contains),
        "whether a list has an item, a mapping a key, or a string a part", r#"{{in "b" (split "a,b" ",")}}"# => "true";
    "defined x", Form, "whether a variable or path is there and not null", "{{defined no.such.thing}}" => "false";
    "default x otherwise", Form, "`x`, or `otherwise` when it is undefined or null", r#"{{default nope "y"}}"# => "y";
    "ternary condition yes no", Form, "one of two values", r#"{{ternary (eq 1 1) "a" "b"}}"# => "a";
    "version a operator b", Whole(version::version),
        "compares two versions, number by number: `==`, `!=`, `<`, `<=`, `>`, `>=`\n`1.10` is after `1.9`, `1.0` the same as `1.0.0`, `1.0-rc1` and `1.0~rc1` before `1.0`.",
        r#"{{version "1.10" ">" "1.9"}}"# => "true";
    }

    "text" {
    "lower text", Whole(strings::lower), "in lower case", r#"{{lower "ABC"}}"# => "abc";
    "upper text", Whole(strings::upper), "in upper case", r#"{{upper "abc"}}"# => "ABC";
    "trim text", Whole(strings::trim), "without white space at both ends", r#"{{trim " a "}}"# => "a";
    "replace text old new", Whole(strings::replace), "with each `old` replaced by `new`",
        r#"{{replace "a.b.c" "." "-"}}"# => "a-b-c";
    "regex_replace text pattern new", Whole(strings::regex_replace),
        "with each match of a regular expression replaced; `$1` or `${name}` stands for a group",
        r#"{{regex_replace "v1.2" "^v(\\d+).*" "$1"}}"# => "1";
    "regex_match text pattern", Whole(strings::regex_match), "whether a regular expression matches anywhere",
        r#"{{regex_match "web-01" "^web-\\d+$"}}"# => "true";
    "split text separator", Whole(strings::split), "the parts, as a list", r#"{{join (split "a,b" ",") "+"}}"# => "a+b";
    "lines text", Whole(strings::lines), "the lines, as a list", r#"{{join (lines "a\nb\n") "+"}}"# => "a+b";
    "starts_with text part", Whole(strings::starts_with), "whether it begins with that", r#"{{starts_with "abc" "ab"}}"# => "true";
    "ends_with text part", Whole(strings::ends_with), "whether it ends with that", r#"{{ends_with "abc" "bc"}}"# => "true";
    "regex_find text pattern", Whole(strings::regex_find),
        "all matches, as a list; of a pattern with a group what that matches",
        r#"{{join (regex_find "a1 b22" "\\d+")}}"# => "1,22";
    "basename path", Whole(strings::basename), "what is behind the last `/`", r#"{{basename "/etc/motd"}}"# => "motd";
    "dirname path", Whole(strings::dirname), "what is before the last `/`", r#"{{dirname "/etc/motd"}}"# => "/etc";
    "join list [separator]", Whole(strings::join), "the items as one text; the separator is `,` unless given",
        r#"{{join (split "a b" " ") ", "}}"# => "a, b";
    "indent text count", Whole(strings::indent), "with that many spaces before each line but the first and empty ones",
        r#"{{indent "a\nb" 2}}"# => "a\n  b";
    "quote text", Whole(strings::quote), "quoted for a shell", r#"{{quote "it's"}}"# => r"'it'\''s'";
    "env_quote text", Whole(strings::env_quote), "quoted for a compose `.env` file, nothing in it is expanded",
        r#"{{env_quote "a $b"}}"# => "'a $b'";
    "url_encode text", Whole(strings::url_encode), "percent-encoded for any part of a URL",
        r#"{{url_encode "p@ss/1"}}"# => "p%40ss%2F1";
    "b64_encode text", Whole(strings::b64_encode), "in base64", r#"{{b64_encode "abc"}}"# => "YWJj";
    "b64_decode text", Whole(strings::b64_decode), "from base64", r#"{{b64_decode "YWJj"}}"# => "abc";
    "sha256 text", Whole(strings::sha256), "SHA-256 in hex", r#"{{sha256 ""}}"#
        => "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    "content_hash text", Whole(strings::content_hash),
        "the first 12 digits of the SHA-256: a label that changes with the content", r#"{{content_hash ""}}"# => "e3b0c44298fc";
    "capitalize text", Whole(text::capitalize), "the first letter in upper case, the others in lower case",
        r#"{{capitalize "wEB server"}}"# => "Web server";
    "regex_escape text", Whole(text::regex_escape), "as a regular expression that matches just that",
        r#"{{regex_escape "a.b"}}"# => r"a\.b";
    "path_join part...", Whole(text::path_join), "joined by `/`; a part that begins with `/` starts anew",
        r#"{{path_join "/srv" "app/" "conf"}}"# => "/srv/app/conf";
    "url_decode text", Whole(text::url_decode), "the way back from `url_encode`", r#"{{url_decode "p%40ss%2F1"}}"# => "p@ss/1";
    "hash text [algorithm]", Whole(text::hash), "a checksum in hex: `sha256` unless given, `sha224`, `sha384`, `sha512`",
        r#"{{slice (hash "abc" "sha512") 0 12}}"# => "ddaf35a19361";
    }

    "lists and mappings" {
    "first list", Parts(lists::first), "the first item", r#"{{first (split "a,b" ",")}}"# => "a";
    "last list", Parts(lists::last), "the last item", r#"{{last (split "a,b" ",")}}"# => "b";
    "length x", Parts(lists::length), "number of items, keys or characters", r#"{{length "abc"}}"# => "3";
    "unique list", Whole(lists::unique), "each item once, in the order of first occurrence",
        r#"{{join (unique (split "a,b,a" ","))}}"# => "a,b";
    "sort list", Whole(lists::sort), "in order: all numbers or all strings", r#"{{join (sort (split "b,a" ","))}}"# => "a,b";
    "list item...", Parts(lists::list), "a list of these", r#"{{join (list "a" (lower "B"))}}"# => "a,b";
    "mapping key value...", Parts(lists::mapping), "a mapping of these pairs", r#"{{to_json (mapping "a" (lower "B"))}}"# => r#"{"a":"b"}"#;
    "concat list...", Parts(lists::concat), "lists one after the other",
        r#"{{join (concat (split "a" ",") (split "b" ","))}}"# => "a,b";
    "keys mapping", Parts(lists::keys), "the keys, as a list", r#"{{join (keys {"a": 1, "b": 2})}}"# => "a,b";
    "values mapping", Parts(lists::values), "the values, as a list", r#"{{join (values {"a": 1, "b": 2})}}"# => "1,2";
    "lookup x key", Form, "an item of a list or mapping by a computed key", r#"{{lookup {"a": 1} (lower "A")}}"# => "1";
    "range [start] end", Whole(lists::range), "the integers from `start` (0 unless given) to before `end`",
        "{{join (range 1 4)}}" => "1,2,3";
    "merge mapping...", Parts(lists::merge), "mappings laid over each other, deep; the later one wins",
        r#"{{to_json (merge {"a": 1} {"b": 2})}}"# => r#"{"a":1,"b":2}"#;
    "items mapping", Parts(collections::items), "a list of mappings with `key` and `value`, to loop over",
        r#"{{to_json (items {"a": 1})}}"# => r#"[{"key":"a","value":1}]"#;
    "from_items list", Chosen(collections::from_items), "the way back: a mapping of what has `key` and `value`",
        r#"{{to_json (from_items (items {"a": 1}))}}"# => r#"{"a":1}"#;
    "map list key", Parts(collections::map), "what each item has under a key",
        r#"{{join (map (items {"a": 1, "b": 2}) "value")}}"# => "1,2";
    "select list key [value]", Chosen(collections::select),
        "the items whose `key` has this value; without a value: those that have the key, neither null nor false",
        r#"{{join (map (select (items {"a": 1, "b": 2}) "value" 2) "key")}}"# => "b";
    "reject list key [value]", Chosen(collections::reject), "the items that `select` leaves out",
        r#"{{join (map (reject (items {"a": 1, "b": 2}) "value" 2) "key")}}"# => "a";
    "reverse list", Parts(collections::reverse), "from the last to the first, of a string its characters",
        "{{join (reverse (range 3))}}" => "2,1,0";
    "slice list start [end]", Parts(collections::slice),
        "the items (of a string: the characters) from `start` to before `end`, counted from 0; a negative number counts from the end",
        "{{join (slice (range 5) 1 -1)}}" => "1,2,3";
    "flatten list", Chosen(collections::flatten), "lists inside of the list taken apart, without nulls",
        "{{join (flatten [1, [2, [3]]])}}" => "1,2,3";
    "difference list other", Whole(collections::difference), "the items that are not in the other list, each once",
        "{{join (difference (range 4) [1, 2])}}" => "0,3";
    "intersect list other", Whole(collections::intersect), "the items that are in the other list too, each once",
        "{{join (intersect (range 4) [1, 2, 9])}}" => "1,2";
    "min list", Chosen(collections::min), "the least of numbers or strings", "{{min [3, 1, 2]}}" => "1";
    "max list", Chosen(collections::max), "the greatest of numbers or strings", "{{max [3, 1, 2]}}" => "3";
    "zip list other", Parts(collections::zip), "pairs of what stands at the same place in two lists, as far as the shorter one goes",
        r#"{{to_json (zip ["a", "b"] [1, 2])}}"# => r#"[["a",1],["b",2]]"#;
    "batch list size", Parts(collections::batch), "cut into lists of that many items; the last one may be shorter",
        "{{to_json (batch (range 5) 2)}}" => "[[0,1],[2,3],[4]]";
    "group_by list key", Chosen(collections::group_by), "a mapping of lists: the items by what they have under a key",
        r#"{{to_json (group_by [{"a": "x", "n": 1}, {"a": "x", "n": 2}] "a")}}"# => r#"{"x":[{"a":"x","n":1},{"a":"x","n":2}]}"#;
    }

    "kinds and formats" {
    "int x", Whole(numbers::int), "a number or a text of digits as an integer", r#"{{add (int "41") 1}}"# => "42";
    "string x", Whole(strings::string), "a number or a boolean as its text", r#"{{eq (string 1) "1"}}"# => "true";
    "bool x", Whole(data::bool), "`true`, `yes`, `on`, `1` and their opposites as a boolean", r#"{{bool "yes"}}"# => "true";
    "from_json text", Whole(data::from_json), "the value that a JSON text stands for",
        r#"{{lookup (from_json "{\"a\": 1}") "a"}}"# => "1";
    "from_yaml text", Whole(data::from_yaml), "the value that a YAML text stands for",
        r#"{{lookup (from_yaml "a: 1") "a"}}"# => "1";
    "to_json x", Whole(data::to_json), "as JSON on one line", r#"{{to_json "a"}}"# => r#""a""#;
    "to_json_pretty x", Whole(data::to_json_pretty), "as JSON, indented by two spaces",
        r#"{{to_json_pretty {"a": 1}}}"# => "{\n  \"a\": 1\n}";
    "to_yaml x", Whole(data::to_yaml), "as YAML", r#"{{to_yaml {"a": [1, 2]}}}"# => "a:\n- 1\n- 2\n";
    "kind x", Whole(data::kind), "what it is: `null`, `boolean`, `integer`, `number`, `string`, `list`, `mapping` or `bytes`",
        "{{kind [1]}}" => "list";
    "bytes text", Whole(numbers::bytes), "a size such as `10G`, `512k` or `1.5 MiB` in bytes; a letter stands for powers of 1024",
        r#"{{bytes "10G"}}"# => "10737418240";
    }

    "arithmetic" {
    "abs x", Whole(numbers::abs), "without its sign", "{{abs -3}}" => "3";
    "round x [digits]", Whole(numbers::round), "rounded to that many digits behind the point; to an integer unless given",
        "{{round 2.567 1}}" => "2.6";
    "sum list", Whole(numbers::sum), "of all numbers in a list", "{{sum (range 5)}}" => "10";
    "add a b", Whole(numbers::add), "sum", "{{add 1 2}}" => "3";
    "sub a b", Whole(numbers::sub), "difference", "{{sub 1 2}}" => "-1";
    "mul a b", Whole(numbers::mul), "product", "{{mul 2 3}}" => "6";
    "div a b", Whole(numbers::div), "quotient; of two integers, rounded towards zero", "{{div 7 2}}" => "3";
    "mod a b", Whole(numbers::modulo), "remainder, with the sign of `a`", "{{mod 7 2}}" => "1";
    }

    "ip addresses" {
    "ip_version address", Whole(net::ip_version), "4 or 6; 0 for what is no address", r#"{{ip_version "2001:db8::1"}}"# => "6";
    "ip_in address network", Whole(net::ip_in), "whether an address or network lies in a network",
        r#"{{ip_in "10.1.2.3" "10.0.0.0/8"}}"# => "true";
    "ip_address text", Whole(net::ip_address), "without its prefix, in the usual form",
        r#"{{ip_address "2001:db8:0:0::1/64"}}"# => "2001:db8::1";
    "ip_network text", Whole(net::ip_network), "the network that an address with a prefix is in",
        r#"{{ip_network "10.1.2.3/16"}}"# => "10.1.0.0/16";
    "ip_netmask network", Whole(net::ip_netmask), "its netmask", r#"{{ip_netmask "10.0.0.0/22"}}"# => "255.255.252.0";
    "ip_host network number", Whole(net::ip_host), "one address of a network; -1 is the last one",
        r#"{{ip_host "172.20.0.0/16" 1}}"# => "172.20.0.1";
    "ip_prefix network", Whole(net::ip_prefix), "the bits of its prefix", r#"{{ip_prefix "10.0.0.0/22"}}"# => "22";
    }

    "time" {
    "now format", Form,
        "the time at which the run began, in UTC\nThe same for the whole run, so that plan and apply agree; what holds it changes with every run. The format is that of `strftime`.",
        r#"{{now "%Y-%m-%d %H:%M"}}"# => "2026-01-01 00:00";
    "strftime time format", Whole(time::strftime),
        "a time (seconds since 1970, or ISO 8601) in UTC, written as wanted\nKnown are %Y %m %d %H %M %S %y %j %b %B %a %A %e %u %F %T %s %z %Z %%.",
        r#"{{strftime 1767225600 "%d %b %Y"}}"# => "01 Jan 2026";
    "to_epoch text", Whole(time::to_epoch), "ISO 8601, such as `2026-01-01` or `2026-01-01T12:00:00+01:00`, in seconds since 1970",
        r#"{{to_epoch "2026-01-01"}}"# => "1767225600";
    "duration text", Whole(time::duration), "`90s`, `15m`, `36h`, `30d`, `2w`, or several such as `1h30m`, in seconds",
        r#"{{strftime (add (to_epoch "2026-01-01") (duration "30d")) "%F"}}"# => "2026-01-31";
    }

    "hosts, files and environment" {
    "hostvar host name", Form, "a variable of another host, when that host's name is computed; else write `hostvars.web1.port`",
        r#"{{default (hostvar "web1" "port") 80}}"# => "80";
    "file name", Form,
        "the text of a file on the controller\nLooked for as `src` of `copy` is: in `files/` of the role, then beside the playbook. The file of a vault gives a secret. The text is as it stands in the file: `trim` takes the last line break away. What is no UTF-8 comes as bytes.",
        r#"{{trim (file "motd")}}"# => "welcome";
    "env name [otherwise]", Form,
        "a variable of the environment in which the program was started\nThe only way in for the environment. Not set and nothing given otherwise is an error. A token belongs into `secret`.",
        r#"{{env "NOT_SET" "none"}}"# => "none";
    "secret x", Form, "the same value, treated as secret from here on\nIt is never shown; what is known of it before the run begins is also taken out of what commands print.",
        r#"{{length (secret "s3cret")}}"# => "6";
    }
};
