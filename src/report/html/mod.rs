//! A run as one page of HTML: it holds all that it shows, and fetches nothing.
//!
//! What matters most is written out here and needs no script: what it was, what failed, what can be reached. The rest (matrix,
//! diffs, times, graphs) travels once, as JSON, and is built by the script when it is looked at: 50 hosts with 200 tasks each
//! would be 10,000 cells and as many bars.

mod data;
mod exposure;
mod head;
mod moved;

use super::story::Story;
use crate::{event::Recorded, graph::escaped};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(include_str!("page.js"), include_str!("views.js"), include_str!("keys.js"));

/// The page.
pub fn html(run: &[Recorded]) -> String {
    let story = Story::new(run);
    let title = story.title();
    // Nothing is fetched or sent, and no other script or style runs, whatever a task is called.
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{}\
         <script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        escaped(&title),
        head::body(&story, &title),
        json_in_html(&data::data(&story)),
    )
}

fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64.encode(Sha256::digest(text)))
}

/// JSON inside a script element: nothing in it may end the element or begin a comment.
fn json_in_html(json: &serde_json::Value) -> String {
    json.to_string().replace('<', "\\u003c").replace("-->", "--\\u003e")
}
