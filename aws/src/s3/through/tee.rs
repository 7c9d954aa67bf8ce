//! A body that is hashed while it passes.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::SdkBody;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};

/// What a body had in it so far.
pub(super) struct Seen {
    pub(super) whole: Sha256,
    pub(super) part: Sha256,
    pub(super) bytes: u64,
}

/// A body that is hashed while it is read, and that is as long as it should be, or fails.
pub(super) struct Tee {
    inner: SdkBody,
    left: u64,
    pub(super) seen: Arc<Mutex<Seen>>,
}

impl Tee {
    pub(super) fn new(inner: SdkBody, length: u64, whole: Sha256) -> Self {
        Self {
            inner,
            left: length,
            seen: Arc::new(Mutex::new(Seen {
                whole,
                part: Sha256::new(),
                bytes: 0,
            })),
        }
    }
}

impl Body for Tee {
    type Data = <SdkBody as Body>::Data;
    type Error = <SdkBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    let length = data.len() as u64;
                    if length > self.left {
                        return Poll::Ready(Some(Err("S3 sent more than was asked for".into())));
                    }
                    self.left -= length;
                    if let Ok(mut seen) = self.seen.lock() {
                        seen.whole.update(data);
                        seen.part.update(data);
                        seen.bytes += length;
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) if self.left > 0 => {
                Poll::Ready(Some(Err("S3 sent less than was asked for".into())))
            }
            other => other,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
