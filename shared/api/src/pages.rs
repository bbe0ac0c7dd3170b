//! Keyset pagination: every page takes the same time, whatever its position. Cursors are sealed, so
//! clients can neither forge nor read them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
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

use crate::size::{self, LARGEST_PAGE};

const DEFAULT_LIMIT: i32 = 50;

/// The greatest number of items in a page.
pub type Limit = Whole<1, 100>;

/// One page of a list, with a cursor for the next page.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items of this page, in the order of the list. A page can have fewer than `limit`, or none, although more
    /// follow.
    pub items: Vec<T>,
    /// The value for the parameter `cursor` to get the next page. Null on the last page.
    pub next_cursor: Option<String>,
}

/// A part of a list that goes on as long as something happens, with a cursor for what follows.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "{T}Feed")]
pub struct Feed<T> {
    /// The items in their order, oldest first. There are none if nothing has happened since the cursor.
    pub items: Vec<T>,
    /// The value for the parameter `cursor` to get what follows these items, now or later.
    pub next_cursor: String,
}

impl<T: Content> Content for Feed<T> {
    fn patients(&self) -> Vec<PatientId> {
        self.items.iter().flat_map(Content::patients).collect()
    }
}

impl<T> Page<T> {
    /// Changes each item.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next_cursor: self.next_cursor,
        }
    }
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
    sealer: Sealer,
}

impl<K: Serialize + DeserializeOwned> PageRequest<K> {
    /// Errors: the cursor isn't from this sealer. `refuse` makes the error.
    pub(crate) fn new(
        limit: Option<Limit>,
        cursor: Option<&str>,
        sealer: Sealer,
        refuse: fn(&str, &str) -> Error,
    ) -> Result<Self, Error> {
        let after = cursor
            .map(|cursor| {
                sealer.open(cursor).ok_or_else(|| {
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
            sealer,
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

    /// Makes the page from the fetched rows: as many as Lambda can answer with.
    pub fn page<T: Serialize>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let more = self.cut(&mut rows);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| self.sealer.seal(&key(last)));
        Page {
            items: rows,
            next_cursor,
        }
    }

    /// Makes the page from the fetched rows of a statement that looks at a limited number of rows. `reached` is the key of
    /// the last row that it looked at, if it stopped there before the page was full.
    pub fn page_as_far<T: Serialize>(
        &self,
        rows: Vec<T>,
        reached: Option<K>,
        key: impl Fn(&T) -> K,
    ) -> Page<T> {
        let page = self.page(rows, key);
        let next_cursor = page
            .next_cursor
            .or_else(|| reached.map(|key| self.sealer.seal(&key)));
        Page {
            next_cursor,
            ..page
        }
    }

    /// Makes a part of a feed from the fetched rows. It always has a cursor. `start` is the key before the first of all
    /// items.
    pub fn feed<T: Serialize>(
        &self,
        mut rows: Vec<T>,
        start: &K,
        key: impl Fn(&T) -> K,
    ) -> Feed<T> {
        self.cut(&mut rows);
        let next_cursor = match rows.last() {
            Some(last) => self.sealer.seal(&key(last)),
            None => self.sealer.seal(self.after().unwrap_or(start)),
        };
        Feed {
            items: rows,
            next_cursor,
        }
    }

    /// Cuts the fetched rows to those that a page has room for. Returns whether there are more.
    fn cut<T: Serialize>(&self, rows: &mut Vec<T>) -> bool {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let mut bytes: usize = 0;
        let fits = |row: &&T| {
            bytes = bytes.saturating_add(size::answered(*row));
            bytes <= LARGEST_PAGE
        };
        // One row always fits, because the size of a resource is limited.
        let fitting = rows.iter().take(limit).take_while(fits).count().max(1);
        let more = rows.len() > fitting;
        rows.truncate(fitting);
        more
    }
}

/// Seals cursors for one caller, one endpoint and one filter. A cursor is invalid for any other. It is encrypted,
/// because it can contain a name.
#[derive(Debug)]
pub(crate) struct Sealer {
    key: hmac::Key,
    context: String,
}

impl Sealer {
    pub(crate) fn new(key: hmac::Key, context: String) -> Self {
        Self { key, context }
    }

    fn cipher(&self) -> Option<RandomizedNonceKey> {
        let key = hmac::sign(&self.key, b"caretrail-cursor-v1");
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).ok()
    }

    fn seal(&self, key: &impl Serialize) -> String {
        let sealed = || {
            let mut text = serde_json::to_vec(key).ok()?;
            let context = Aad::from(&self.context);
            let nonce = self.cipher()?.seal_in_place_append_tag(context, &mut text);
            Some([nonce.ok()?.as_ref().as_slice(), &text].concat())
        };
        BASE64_URL_SAFE_NO_PAD.encode(sealed().unwrap_or_default())
    }

    fn open<K: DeserializeOwned>(&self, cursor: &str) -> Option<K> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let context = Aad::from(&self.context);
        let key = self
            .cipher()?
            .open_in_place(nonce, context, &mut sealed)
            .ok()?;
        serde_json::from_slice(key).ok()
    }
}
