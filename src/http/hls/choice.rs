//! Which stream of a broadcast somebody gets who takes only one.

use crate::http::hls::unavailable::Unavailable;
use crate::http::selector::Wish;
use crate::wire::hls::catalog::{Catalog, Stream, Variant};

/// The stream of this `stream_id=`, else the variant of this `quality=`, else the variant of the highest
/// bandwidth. A quality is a height as in `720` or `720p`, a size as in `1280x720`, `best` or `worst`; a
/// number that is nobody's height is a rank: `1` is the highest bandwidth.
pub fn stream(catalog: &Catalog, wish: &Wish) -> Result<u32, Unavailable> {
    let count = catalog.streams.len();
    let no_such = |asked: &str| Unavailable::NoSuchStream { asked: asked.to_owned(), count };
    if let Some(asked) = &wish.stream_id {
        return asked.parse().ok().filter(|&id| (id as usize) < count).ok_or_else(|| no_such(asked));
    }
    let ranking = ranking(catalog);
    let Some(&(best, _)) = ranking.first() else {
        return if count > 0 { Ok(0) } else { Err(no_such("0")) };
    };
    match &wish.quality {
        Some(asked) if count > 1 => of_quality(&ranking, asked).ok_or_else(|| {
            let known = ranking.iter().map(|(_, variant)| name(variant)).collect();
            Unavailable::NoSuchQuality { asked: asked.clone(), known }
        }),
        _ => Ok(best),
    }
}

/// The variants, highest bandwidth first.
fn ranking(catalog: &Catalog) -> Vec<(u32, &Variant)> {
    let variants = (0..).zip(&catalog.streams).filter_map(|(id, stream)| match stream {
        Stream::Variant(variant) => Some((id, variant)),
        Stream::Rendition(_) => None,
    });
    let mut ranking: Vec<_> = variants.collect();
    ranking.sort_by_key(|(_, variant)| std::cmp::Reverse(variant.bandwidth));
    ranking
}

fn of_quality(ranking: &[(u32, &Variant)], asked: &str) -> Option<u32> {
    let found = match asked {
        "best" => ranking.first(),
        "worst" => ranking.last(),
        _ => ranking.iter().find(|(_, variant)| is_of_size(variant, asked)).or_else(|| {
            let rank: usize = asked.parse().ok()?;
            ranking.get(rank.checked_sub(1)?)
        }),
    };
    found.map(|&(id, _)| id)
}

fn is_of_size(variant: &Variant, asked: &str) -> bool {
    variant.resolution.is_some_and(|(width, height)| {
        let height = height.to_string();
        asked.strip_suffix('p').unwrap_or(asked) == height || asked == format!("{width}x{height}")
    })
}

fn name(variant: &Variant) -> String {
    match variant.resolution {
        Some((_, height)) => format!("{height}p"),
        None => format!("{} bit/s", variant.bandwidth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hls::catalog::Rendition;

    fn variant(bandwidth: u64, resolution: Option<(u64, u64)>) -> Stream {
        Stream::Variant(Variant { bandwidth, resolution, ..Variant::default() })
    }

    fn catalog() -> Catalog {
        let streams = vec![
            variant(1_000_000, Some((640, 360))),
            variant(5_000_000, Some((1920, 1080))),
            variant(3_000_000, Some((1280, 720))),
            Stream::Rendition(Rendition::default()),
        ];
        Catalog { is_master: true, streams, ..Catalog::default() }
    }

    fn of(stream_id: Option<&str>, quality: Option<&str>) -> Result<u32, Unavailable> {
        let wish = Wish { stream_id: stream_id.map(str::to_owned), quality: quality.map(str::to_owned) };
        stream(&catalog(), &wish)
    }

    #[test]
    fn highest_bandwidth_is_taken_unless_another_is_asked_for() {
        assert_eq!(of(None, None), Ok(1));
        for (quality, id) in [("720p", 2), ("360", 0), ("1280x720", 2), ("best", 1), ("worst", 0), ("2", 2)] {
            assert_eq!(of(None, Some(quality)), Ok(id), "{quality}");
        }
        assert_eq!(of(Some("3"), Some("720p")), Ok(3));
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        for quality in ["480p", "0", "4", "-1", "x", "99999999999999999999"] {
            let error = of(None, Some(quality)).unwrap_err().to_string();
            assert_eq!(error, format!("quality={quality}: there is 1080p, 720p, 360p"));
        }
        for id in ["4", "-1", "x", "4294967296"] {
            let error = of(Some(id), None).unwrap_err().to_string();
            assert_eq!(error, format!("stream_id={id}: the broadcast has 4 streams, counted from 0"));
        }
    }

    #[test]
    fn the_only_stream_is_of_any_quality() {
        let only = Catalog { streams: vec![variant(0, None)], ..Catalog::default() };
        let wish = Wish { quality: Some("720p".to_owned()), ..Wish::default() };
        assert_eq!(stream(&only, &wish), Ok(0));
        assert!(stream(&Catalog::default(), &wish).is_err());
    }
}
