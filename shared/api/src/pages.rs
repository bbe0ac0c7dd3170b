//! Keyset pagination: every page takes the same time, whatever its position. Cursors are signed, so
//! clients can't forge them.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::disclosure::Content;
use domain::ids::PatientId;
use domain::number::Whole;
use errors::Error;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

const DEFAULT_LIMIT: i32 = 50;

/// The greatest number of items in a page.
pub type Limit = Whole<1, 100>;

/// One page of a list, with a cursor for the next page.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items of this page, in the order of the list.
    pub items: Vec<T>,
    /// The value for the parameter `cursor` to get the next page. Null on the last page.
    pub next_cursor: Option<String>,
}

impl<T: Content> Content for Page<T> {
    fn patients(&self) -> Vec<PatientId> {
        self.items.iter().flat_map(Content::patients).collect()
    }
}

/// The page that the caller requests. `K` is the key of the last item before the page.
#[derive(Debug)]
pub struct PageRequest<K> {
    limit: i32,
    after: Option<K>,
    signer: Signer,
}

impl<K: Serialize + DeserializeOwned> PageRequest<K> {
    /// Errors: the cursor isn't from this signer. `refuse` makes the error.
    pub(crate) fn new(
        limit: Option<Limit>,
        cursor: Option<&str>,
        signer: Signer,
        refuse: fn(&str, &str) -> Error,
    ) -> Result<Self, Error> {
        let after = cursor
            .map(|cursor| {
                signer.open(cursor).ok_or_else(|| {
                    refuse(
                        "cursor",
                        "expected the next_cursor of the preceding page of this list",
                    )
                })
            })
            .transpose()?;
        Ok(Self {
            limit: limit.map_or(DEFAULT_LIMIT, Whole::get),
            after,
            signer,
        })
    }

    /// The number of rows to fetch: one more than the page can contain, which shows whether another page
    /// follows.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The key after which the page begins. None for the first page.
    pub fn after(&self) -> Option<&K> {
        self.after.as_ref()
    }

    /// Makes the page from the fetched rows.
    pub fn page<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| self.signer.seal(&key(last)));
        Page {
            items: rows,
            next_cursor,
        }
    }
}

/// Signs cursors for one caller and one endpoint. A cursor is invalid for any other.
#[derive(Debug)]
pub(crate) struct Signer {
    key: hmac::Key,
    context: String,
}

impl Signer {
    pub(crate) fn new(key: hmac::Key, context: String) -> Self {
        Self { key, context }
    }

    fn tag(&self, key: &str) -> hmac::Tag {
        hmac::sign(&self.key, format!("{}\0{key}", self.context).as_bytes())
    }

    fn seal(&self, key: &impl Serialize) -> String {
        let key = serde_json::to_string(key).unwrap_or_default();
        let tag = self.tag(&key);
        BASE64_URL_SAFE_NO_PAD.encode([tag.as_ref(), key.as_bytes()].concat())
    }

    fn open<K: DeserializeOwned>(&self, cursor: &str) -> Option<K> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, key) = bytes.split_at_checked(32)?;
        let message = [self.context.as_bytes(), b"\0", key].concat();
        hmac::verify(&self.key, &message, tag).ok()?;
        serde_json::from_slice(key).ok()
    }
}
