//! Reads the sources and holds them to the layers that `src/lib.rs` draws: who may import whom, where
//! clocks, sockets and files may be touched, and how long a file and a function may be. It reads text, not
//! syntax trees: comments and literals are blanked first, so that only code counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules from the ground up; a module imports only from its own rank and below.
const RANKS: [&[&str]; 8] = [
    &["base"],
    &["wire"],
    &["media"],
    &["live"],
    &["swarm", "tracker", "dht"],
    &["net", "http", "store", "obs"],
    &["node"],
    &["cli", "main"],
];
/// Up from here a module may touch the world.
const SHELL_RANK: usize = 5;
const WORLD: [&str; 16] = [
    "tokio::",
    "reqwest::",
    "std::net::Tcp",
    "std::net::Udp",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::fs",
    "std::thread",
    "std::process",
    "Instant::now",
    "SystemTime::now",
    "getrandom::",
    "thread_rng",
    "OsRng",
    "RandomState",
];
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];
/// In two halves, or this file would find itself.
const NOTES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
const FILE_MAX_LINES: usize = 400;
const FUNCTION_MAX_LINES: usize = 60;

#[test]
fn no_module_imports_from_above() {
    let upward: Vec<String> = imports()
        .into_iter()
        .filter(|import| rank(&import.to) > rank(&import.from))
        .map(|import| format!("{}: {} imports {}", import.file, import.from, import.to))
        .collect();
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn modules_of_one_rank_form_no_cycle() {
    let mut sideways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for import in imports() {
        if import.from != import.to && rank(&import.from) == rank(&import.to) {
            sideways.entry(import.from).or_default().insert(import.to);
        }
    }
    for start in sideways.keys() {
        let mut reached = BTreeSet::new();
        let mut next: Vec<_> = sideways[start].iter().collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(sideways.get(module).into_iter().flatten());
            }
        }
        assert!(!reached.contains(start), "{start} imports itself by way of {reached:?}");
    }
}

#[test]
fn every_module_has_a_rank() {
    for source in sources("src") {
        let module = source.module();
        assert!(module == "lib" || RANKS.iter().any(|rank| rank.contains(&module.as_str())), "{module}");
    }
}

#[test]
fn clocks_sockets_files_and_chance_are_for_shells() {
    let mut touching = Vec::new();
    for source in sources("src") {
        let module = source.module();
        if module == "lib" || rank(&module) >= SHELL_RANK {
            continue;
        }
        let code = without_tests(&source.code);
        let found = WORLD.iter().filter(|word| code.contains(**word));
        touching.extend(found.map(|word| format!("{} has {word}", source.name)));
    }
    assert!(touching.is_empty(), "{touching:#?}");
}

#[test]
fn tasks_are_started_under_the_name_of_their_node() {
    let mut nameless = Vec::new();
    for source in sources("src").into_iter().filter(|source| source.module() != "main") {
        let code = without_tests(&source.code);
        for start in code.match_indices("spawn(").map(|(at, word)| at + word.len()) {
            let before = &code[..start];
            let is_thread = ["thread::spawn(", ".into()).spawn("].iter().any(|end| before.ends_with(end));
            let is_named = code[start..].trim_start().starts_with("of_node(");
            if !is_thread && !is_named {
                nameless.push(format!("{}:{}", source.name, before.lines().count()));
            }
        }
    }
    assert!(nameless.is_empty(), "obs::node_name::of_node is missing: {nameless:#?}");
}

#[test]
fn nothing_is_left_unfinished() {
    let mut unfinished = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let words = UNFINISHED.iter().filter(|word| source.code.contains(**word));
        unfinished.extend(words.map(|word| format!("{} has {word}", source.name)));
        let notes = NOTES.iter().filter(|note| source.text.contains(**note));
        unfinished.extend(notes.map(|note| format!("{} has a {note}", source.name)));
    }
    assert!(unfinished.is_empty(), "{unfinished:#?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    for source in sources("src") {
        assert!(source.text.starts_with("//! "), "{} does not begin with //!", source.name);
    }
}

#[test]
fn files_and_functions_can_be_read_at_a_glance() {
    let mut long = Vec::new();
    for source in sources("src") {
        let lines = source.code.lines().count();
        if lines > FILE_MAX_LINES {
            long.push(format!("{} has {lines} lines", source.name));
        }
        let functions = functions(&source.code).into_iter().filter(|(_, lines)| *lines > FUNCTION_MAX_LINES);
        long.extend(functions.map(|(name, lines)| format!("{}: {name} has {lines} lines", source.name)));
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn comments_and_literals_are_no_code() {
    let code = code_of(
        "let a = \"crate::x\"; // crate::y\n'\\'' /* /* */ crate::z */ r#\"\"crate::\"# <'a> b'\"' end",
    );
    assert!(!code.contains("crate") && code.contains("<'a>") && code.ends_with("end"), "{code}");
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn imports_are_found_in_groups_and_in_passing() {
    let found = imported_modules("use crate::{base::ids, wire::{a, b}, live};\nlet x = crate::net::bind();");
    assert_eq!(found, ["base", "live", "net", "wire"].map(str::to_owned).into());
}

#[test]
fn functions_are_measured_from_their_name_to_their_last_brace() {
    let found = functions(
        "fn a() {\n  if x {\n  }\n}\ntrait T { fn declared(&self) -> u8; }\nfn b(f: fn(u8)) -> [u8; 4] {}",
    );
    assert_eq!(found, [("a".to_owned(), 4), ("b".to_owned(), 1)]);
}

struct Source {
    name: String,
    text: String,
    /// The text with comments and literals blanked.
    code: String,
}

impl Source {
    /// The top-level module that the file belongs to.
    fn module(&self) -> String {
        let below = self.name.trim_start_matches("src/");
        below.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned()
    }
}

struct Import {
    file: String,
    from: String,
    to: String,
}

fn imports() -> Vec<Import> {
    let sources = sources("src");
    let of = |source: &Source| {
        let (file, from) = (source.name.clone(), source.module());
        let modules = if from == "lib" { BTreeSet::new() } else { imported_modules(&source.code) };
        modules.into_iter().map(move |to| Import { file: file.clone(), from: from.clone(), to })
    };
    sources.iter().flat_map(of).collect()
}

fn rank(module: &str) -> usize {
    let found = RANKS.iter().position(|rank| rank.contains(&module));
    found.unwrap_or_else(|| panic!("{module} has no rank in this test"))
}

/// Every `.rs` file below `directory`, in the order of their names.
fn sources(directory: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join(directory), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no sources below {directory}");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source can be read");
        let name = path.strip_prefix(root).expect("below the root").display().to_string();
        Source { name, code: code_of(&text), text }
    };
    paths.into_iter().map(read).collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// `crate::a`, `crate::{a, b::{c, d}}` and, seen from outside, `start_engine::a`.
fn imported_modules(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in ["crate::", "start_engine::"] {
        for (at, _) in code.match_indices(prefix) {
            let is_whole_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
            let rest = &code[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(first_words(group)),
                None if is_whole_word => found.extend(word(rest)),
                None => {}
            }
        }
    }
    found
}

/// The first segment of every path in an opened group.
fn first_words(group: &str) -> Vec<String> {
    let (mut depth, mut words, mut is_first) = (1, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => is_first = true,
            c if depth == 1 && is_first && c.is_alphabetic() => {
                words.extend(word(&group[at..]));
                is_first = false;
            }
            _ => {}
        }
    }
    words
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// Names and line counts of the functions that have a body.
fn functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, keyword) in code.match_indices("fn ") {
        let is_keyword = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &code[at + keyword.len()..];
        let (Some(name), Some(body)) = (word(rest), body_start(rest)) else { continue };
        if is_keyword {
            let end = body + block_bytes(&rest[body..]);
            found.push((name, rest[..end].lines().count()));
        }
    }
    found
}

/// Where the body of a function begins, if it has one; the semicolon of an array type ends nothing.
fn body_start(signature: &str) -> Option<usize> {
    let mut brackets = 0;
    for (at, character) in signature.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => return Some(at),
            ';' if brackets == 0 => return None,
            _ => {}
        }
    }
    None
}

/// How long the block is that `code` begins with.
fn block_bytes(code: &str) -> usize {
    let mut depth = 0;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

fn without_tests(code: &str) -> String {
    let Some(at) = code.find("#[cfg(test)]") else { return code.to_owned() };
    let Some(open) = code[at..].find('{').filter(|&open| code[at..at + open].contains("mod ")) else {
        return code.to_owned();
    };
    let end = at + open + block_bytes(&code[at + open..]);
    format!("{}{}", &code[..at], &code[end..])
}

/// The text with every comment and literal replaced by blanks; line ends stay.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment_or_literal_bytes(rest, code.chars().next_back());
        let taken = if skipped > 0 { skipped } else { first.len_utf8() };
        let (head, tail) = rest.split_at(taken);
        let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
        code.extend(head.chars().map(|c| if skipped > 0 { blank(c) } else { c }));
        rest = tail;
    }
    code
}

/// How much of `text` is one comment or literal that it begins with; 0 when it begins with code.
fn comment_or_literal_bytes(text: &str, before: Option<char>) -> usize {
    let is_word_start = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r')).filter(|_| is_word_start);
    let hashes = raw.map_or(0, |rest| rest.len() - rest.trim_start_matches('#').len());
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        nested_comment_bytes(text)
    } else if raw.is_some_and(|rest| rest[hashes..].starts_with('"')) {
        let open = text.find('"').unwrap_or_default() + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        text[open..].find(&close).map_or(text.len(), |at| open + at + close.len())
    } else if text.starts_with('"') {
        quoted_bytes(text, '"')
    } else if text.starts_with('\'') && is_character(text) {
        quoted_bytes(text, '\'')
    } else {
        0
    }
}

/// A character, and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    characters.next() == Some('\\') || characters.next() == Some('\'')
}

fn quoted_bytes(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn nested_comment_bytes(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}
