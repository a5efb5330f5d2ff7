//! Texts in which each character may be written in several ways: what they say is looked for in them, however they are written.

/// How characters may be written besides as themselves.
#[derive(Clone, Copy)]
pub enum Coding {
    /// `%2F`: RFC 3986. Which characters are written so is up to who writes.
    Url,
    /// The same, and `+` for a space: `application/x-www-form-urlencoded` of the URL standard.
    Form,
    /// `\u00e9`, `\xc3`, `\n`, `\/`: JSON, and what shells and languages print.
    Backslash,
}

impl Coding {
    pub const ALL: [Self; 3] = [Self::Url, Self::Form, Self::Backslash];

    /// The text without the places that say one of these, longest first; `None` where none does.
    pub fn replaced(self, text: &str, said: &[Vec<u8>]) -> Option<String> {
        let sign = match self {
            Self::Url => '%',
            Self::Form => '+',
            Self::Backslash => '\\',
        };
        // Only a space is written so.
        let is_meant = |part: &&Vec<u8>| !matches!(self, Self::Form) || part.contains(&b' ');
        // Most texts have no such sign: nothing else may be done for them.
        if !text.contains(sign) || !said.iter().any(|part| is_meant(&part)) {
            return None;
        }
        let mut by_first: Vec<Vec<&Vec<u8>>> = vec![vec![]; 256];
        for part in said.iter().filter(is_meant) {
            part.first().into_iter().for_each(|first| by_first[usize::from(*first)].push(part));
        }
        let (bytes, starts) = self.decoded(text);
        let mut out = String::with_capacity(text.len());
        let (mut at, mut kept) = (0, 0);
        while at < bytes.len() {
            let mut parts = by_first[usize::from(bytes[at])].iter();
            let found = parts.find(|part| bytes[at..].starts_with(part));
            let Some(part) = found else {
                at += 1;
                continue;
            };
            out.push_str(&text[kept..starts[at]]);
            out.push_str("[secret]");
            at += part.len();
            kept = starts[at];
        }
        (kept > 0).then(|| out + &text[kept..])
    }

    /// What a text says, with the place at which each byte of that begins in the text, and the text's end.
    fn decoded(self, text: &str) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts, mut at) = (vec![], vec![], 0);
        while let Some(next) = text[at..].chars().next() {
            let coded = match (self, next) {
                (Self::Url | Self::Form, '%') => hex(text, at + 1, 2).map(|byte| (vec![byte as u8], 3)),
                (Self::Form, '+') => Some((vec![b' '], 1)),
                (Self::Backslash, '\\') => escaped(text, at),
                _ => None,
            };
            let (said, length) = coded
                .unwrap_or_else(|| (text.as_bytes()[at..at + next.len_utf8()].to_vec(), next.len_utf8()));
            starts.extend(said.iter().map(|_| at));
            bytes.extend(said);
            at += length;
        }
        // A character of several bytes goes whole.
        starts.push(text.len());
        (bytes, starts)
    }
}

/// The number that so many hexadecimal digits are.
fn hex(text: &str, at: usize, count: usize) -> Option<u32> {
    let digits = text.get(at..at + count)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// What an escape says, and its length.
fn escaped(text: &str, at: usize) -> Option<(Vec<u8>, usize)> {
    let utf8 = |c: char| c.to_string().into_bytes();
    let one = |byte: u8| Some((vec![byte], 2));
    match text[at + 1..].chars().next()? {
        'n' => one(b'\n'),
        't' => one(b'\t'),
        'r' => one(b'\r'),
        'b' => one(8),
        'f' => one(12),
        'x' => hex(text, at + 2, 2).map(|byte| (vec![byte as u8], 4)),
        'u' => {
            let unit = hex(text, at + 2, 4)?;
            if let Some(c) = char::from_u32(unit) {
                return Some((utf8(c), 6));
            }
            let low =
                text.get(at + 6..at + 8).filter(|next| *next == "\\u").and_then(|_| hex(text, at + 8, 4))?;
            let pair = char::decode_utf16([unit as u16, low as u16]).next()?.ok()?;
            Some((utf8(pair), 12))
        }
        sign if sign.is_ascii_punctuation() => one(sign as u8),
        _ => None,
    }
}
