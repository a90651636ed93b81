//! What players ask of a broadcast, and how long they wait until it is there. Each question is also a sign
//! that somebody watches.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::http::hls::choice;
use crate::http::hls::feed;
use crate::http::hls::hub::{HlsHub, State};
use crate::http::hls::playlist;
use crate::http::hls::shelf::Shelf;
use crate::http::hls::unavailable::Unavailable;
use crate::http::selector::Wish;
use crate::http::stream::Reader;
use crate::swarm::hls::event::SegmentInfo;
use crate::wire::hls::catalog::Catalog;
use crate::wire::hls::segment::InitId;

impl HlsHub {
    /// The playlist to begin with: the master playlist where the origin has one and no stream of it is wished
    /// for, else a media playlist.
    pub async fn manifest(self: &Arc<Self>, wish: &Wish) -> Result<String, Unavailable> {
        let catalog = self.catalog().await?;
        match catalog.is_master && *wish == Wish::default() {
            true => Ok(playlist::master(self.infohash(), &catalog)),
            false => self.media_playlist(choice::stream(&catalog, wish)?).await,
        }
    }

    /// The media playlist of a stream, once there is a segment to tell of.
    pub async fn media_playlist(self: &Arc<Self>, stream: u32) -> Result<String, Unavailable> {
        let count = self.catalog().await?.streams.len();
        if stream as usize >= count {
            return Err(Unavailable::NoSuchStream { asked: stream.to_string(), count });
        }
        let _watch = self.watch(Some(stream));
        self.wait_for(|state| playlist::media(self.infohash(), &state.holdings, stream)).await
    }

    pub fn init(&self, id: InitId) -> Result<Bytes, Unavailable> {
        self.lock().holdings.init(id).cloned().ok_or(Unavailable::NoSuchInit)
    }

    /// A player of the transport stream that the segments of one stream make.
    pub async fn transport_stream(
        self: &Arc<Self>,
        wish: &Wish,
        buffer: Duration,
    ) -> Result<Reader, Unavailable> {
        let catalog = self.catalog().await?;
        let stream = choice::stream(&catalog, wish)?;
        let _watch = self.watch(Some(stream));
        let newest =
            |state: &State| state.holdings.shelf(stream).and_then(Shelf::newest).map(|s| s.info.clone());
        let newest: Arc<SegmentInfo> = self.wait_for(newest).await?;
        feed::check(&newest, self.infohash())?;
        Ok(feed::join(self, stream, buffer))
    }

    async fn catalog(self: &Arc<Self>) -> Result<Arc<Catalog>, Unavailable> {
        let _watch = self.watch(None);
        self.wait_for(|state| state.holdings.catalog().cloned()).await
    }
}
