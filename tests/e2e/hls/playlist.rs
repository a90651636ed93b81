//! Playlists as a player reads them: line by line, with nothing of the program's own reader.

use super::http::resolve;

/// A variant or rendition of a master playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What stands after the colon.
    pub attributes: String,
    pub url: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Media {
    pub target_s: u64,
    pub first: u64,
    pub discontinuity_sequence: u64,
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    pub number: u64,
    pub url: String,
    pub about: About,
}

/// What a playlist says of a segment beside its address.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    pub duration_ms: u64,
    pub date: Option<String>,
    pub is_discontinuity: bool,
    pub is_gap: bool,
    pub key: Option<Key>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    pub url: String,
    /// `None` means the number.
    pub iv: Option<[u8; 16]>,
}

/// The variants of a master playlist; `None` for a media playlist.
pub fn variants(text: &str, base: &str) -> Option<Vec<Offer>> {
    let mut offers = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(attributes) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            let url = resolve(base, lines.next().unwrap_or_default());
            offers.push(Offer { attributes: attributes.to_owned(), url });
        }
    }
    (!offers.is_empty()).then_some(offers)
}

/// Reads a media playlist that lies at `base`.
pub fn media(text: &str, base: &str) -> Result<Media, String> {
    let mut media = Media::default();
    let mut lines = text.lines();
    if lines.next() != Some("#EXTM3U") {
        return Err(format!("not a playlist: {text:.80}"));
    }
    let (mut about, mut key) = (About::default(), None);
    for line in lines.filter(|line| !line.is_empty()) {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-TARGETDURATION" => media.target_s = number(value)?,
            "#EXT-X-MEDIA-SEQUENCE" => media.first = number(value)?,
            "#EXT-X-DISCONTINUITY-SEQUENCE" => media.discontinuity_sequence = number(value)?,
            "#EXTINF" => about.duration_ms = milliseconds(value)?,
            "#EXT-X-PROGRAM-DATE-TIME" => about.date = Some(value.to_owned()),
            "#EXT-X-DISCONTINUITY" => about.is_discontinuity = true,
            "#EXT-X-GAP" => about.is_gap = true,
            "#EXT-X-KEY" => key = read_key(value, base)?,
            _ if line.starts_with('#') => {}
            _ => {
                about.key = key.clone();
                let (number, about) = (media.first + media.entries.len() as u64, std::mem::take(&mut about));
                media.entries.push(Entry { number, url: resolve(base, line), about });
            }
        }
    }
    Ok(media)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("not a number: {text:?}"))
}

fn milliseconds(text: &str) -> Result<u64, String> {
    let seconds: f64 = text
        .split(',')
        .next()
        .unwrap_or_default()
        .parse()
        .map_err(|_| format!("not a duration: {text:?}"))?;
    Ok((seconds * 1000.0).round() as u64)
}

fn read_key(attributes: &str, base: &str) -> Result<Option<Key>, String> {
    if attributes.starts_with("METHOD=NONE") {
        return Ok(None);
    }
    if !attributes.contains("METHOD=AES-128") {
        return Err(format!("a key that no player has: {attributes}"));
    }
    let uri = attributes.split("URI=\"").nth(1).and_then(|rest| rest.split('"').next());
    let iv = attributes.split("IV=0x").nth(1).and_then(|rest| rest.split(',').next());
    Ok(Some(Key {
        url: resolve(base, uri.ok_or("a key without an address")?),
        iv: iv.and_then(start_engine::base::hex::decode),
    }))
}
