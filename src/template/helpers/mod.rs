//! The helpers: one table that evaluation, documentation and tests read.

mod collections;
mod data;
mod lists;
mod net;
mod numbers;
mod strings;

use crate::yaml::{Map, Node, Value};

/// One helper.
pub struct Helper {
    pub name: &'static str,
    /// As it is called; `[x]` may be left out, `x...` stands for one or more.
    pub signature: &'static str,
    pub doc: &'static str,
    /// A template without variables, and what it renders to.
    pub example: (&'static str, &'static str),
    pub(super) call: Call,
}

#[derive(Clone, Copy)]
pub(super) enum Call {
    /// Does not take all its arguments' values: the evaluator knows it.
    Form,
    /// Looks into its arguments: the result is secret, or unknown, when anything in one of them is.
    Whole(fn(&Args) -> Result<Value, Fault>),
    /// Hands on parts of its arguments, each with its own marks.
    Parts(fn(&Args) -> Result<Node, Fault>),
    /// The same, but which parts these are can be told only when all is known.
    Chosen(fn(&Args) -> Result<Node, Fault>),
}

impl std::fmt::Debug for Helper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Helper {
    /// Names of the arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> {
        self.signature.split(' ').skip(1).map(|word| word.trim_matches(['[', ']', '.']))
    }

    /// Least and most number of arguments.
    pub fn arity(&self) -> (usize, usize) {
        let words = || self.signature.split(' ').skip(1);
        let least = words().filter(|w| !w.starts_with('[')).count();
        (least, if words().any(|w| w.contains("...")) { usize::MAX } else { words().count() })
    }
}

/// The helper of that name.
pub(super) fn find(name: &str) -> Option<&'static Helper> {
    HELPERS.iter().find(|helper| helper.name == name)
}

/// Why a call failed. Never holds a value.
pub(super) struct Fault {
    pub argument: Option<usize>,
    pub message: String,
    pub hint: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self { argument: None, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Evaluated arguments; their number is right.
pub(super) struct Args<'a> {
    pub helper: &'static Helper,
    pub values: &'a [Node],
}

impl<'a> Args<'a> {
    fn fault(&self, index: usize, what: &str) -> Fault {
        let names: Vec<&str> = self.helper.arguments().collect();
        let name = names.get(index).or(names.last()).copied().unwrap_or("argument");
        self.wrong(index, format!("`{name}` must be {what}, found {}", self.values[index].value.kind()))
    }

    fn wrong(&self, index: usize, message: String) -> Fault {
        Fault { argument: Some(index), message, hint: None }
    }

    /// A string; other scalars count as their text.
    fn text(&self, index: usize) -> Result<String, Fault> {
        super::text::scalar_text(&self.values[index].value).ok_or_else(|| self.fault(index, "a string"))
    }

    fn optional_text(&self, index: usize, otherwise: &str) -> Result<String, Fault> {
        if index < self.values.len() { self.text(index) } else { Ok(otherwise.to_string()) }
    }

    fn integer(&self, index: usize) -> Result<i64, Fault> {
        match &self.values[index].value {
            Value::Int(i) => Ok(*i),
            _ => Err(self.fault(index, "an integer")),
        }
    }

    fn list(&self, index: usize) -> Result<&'a [Node], Fault> {
        self.values[index].as_seq().ok_or_else(|| self.fault(index, "a list"))
    }

    fn map(&self, index: usize) -> Result<&'a Map, Fault> {
        self.values[index].as_map().ok_or_else(|| self.fault(index, "a mapping"))
    }

    /// A computed node: its place is that of the first argument.
    fn node(&self, value: Value) -> Node {
        Node::new(value, self.values[0].origin.clone())
    }
}

macro_rules! helpers {
    ($($signature:literal, $call:expr, $doc:literal, $template:literal => $result:literal;)*) => {
        &[$(Helper {
            name: first_word($signature),
            signature: $signature,
            doc: $doc,
            example: ($template, $result),
            call: $call,
        }),*]
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

use Call::{Chosen, Form, Parts, Whole};

/// All helpers, in the order in which they are documented.
pub const HELPERS: &[Helper] = helpers! {
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

    "first list", Parts(lists::first), "the first item", r#"{{first (split "a,b" ",")}}"# => "a";
    "last list", Parts(lists::last), "the last item", r#"{{last (split "a,b" ",")}}"# => "b";
    "length x", Parts(lists::length), "number of items, keys or characters", r#"{{length "abc"}}"# => "3";
    "unique list", Whole(lists::unique), "each item once, in the order of first occurrence",
        r#"{{join (unique (split "a,b,a" ","))}}"# => "a,b";
    "sort list", Whole(lists::sort), "in order: all numbers or all strings", r#"{{join (sort (split "b,a" ","))}}"# => "a,b";
    "concat list...", Parts(lists::concat), "lists one after the other",
        r#"{{join (concat (split "a" ",") (split "b" ","))}}"# => "a,b";
    "keys mapping", Parts(lists::keys), "the keys, as a list", r#"{{join (keys {"a": 1, "b": 2})}}"# => "a,b";
    "values mapping", Parts(lists::values), "the values, as a list", r#"{{join (values {"a": 1, "b": 2})}}"# => "1,2";
    "lookup x key", Form, "an item of a list or mapping by a computed key", r#"{{lookup {"a": 1} (lower "A")}}"# => "1";
    "hostvar host name", Form, "a variable of another host, when that host's name is computed; else write `hostvars.web1.port`",
        r#"{{default (hostvar "web1" "port") 80}}"# => "80";
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
        "the items from `start` to before `end`, counted from 0; a negative number counts from the end",
        "{{join (slice (range 5) 1 -1)}}" => "1,2,3";
    "flatten list", Chosen(collections::flatten), "lists inside of the list taken apart, without nulls",
        "{{join (flatten [1, [2, [3]]])}}" => "1,2,3";
    "difference list other", Whole(collections::difference), "the items that are not in the other list, each once",
        "{{join (difference (range 4) [1, 2])}}" => "0,3";
    "intersect list other", Whole(collections::intersect), "the items that are in the other list too, each once",
        "{{join (intersect (range 4) [1, 2, 9])}}" => "1,2";
    "min list", Chosen(collections::min), "the least of numbers or strings", "{{min [3, 1, 2]}}" => "1";
    "max list", Chosen(collections::max), "the greatest of numbers or strings", "{{max [3, 1, 2]}}" => "3";

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

    "abs x", Whole(numbers::abs), "without its sign", "{{abs -3}}" => "3";
    "round x [digits]", Whole(numbers::round), "rounded to that many digits behind the point; to an integer unless given",
        "{{round 2.567 1}}" => "2.6";
    "sum list", Whole(numbers::sum), "of all numbers in a list", "{{sum (range 5)}}" => "10";
    "add a b", Whole(numbers::add), "sum", "{{add 1 2}}" => "3";
    "sub a b", Whole(numbers::sub), "difference", "{{sub 1 2}}" => "-1";
    "mul a b", Whole(numbers::mul), "product", "{{mul 2 3}}" => "6";
    "div a b", Whole(numbers::div), "quotient; of two integers, rounded towards zero", "{{div 7 2}}" => "3";
    "mod a b", Whole(numbers::modulo), "remainder, with the sign of `a`", "{{mod 7 2}}" => "1";
};
