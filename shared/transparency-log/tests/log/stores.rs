//! The store in a folder.

use transparency_log::store::{Creation, Folder, ObjectStore};

use crate::samples::run;

#[test]
fn an_object_is_created_once_and_replaced_only_with_its_tag() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path().join("log"));
    run(async {
        assert_eq!(store.get("a/b").await.unwrap(), None);
        assert_eq!(
            store.create("a/b", "1".into(), None).await.unwrap(),
            Creation::Created
        );
        assert_eq!(
            store.create("a/b", "2".into(), None).await.unwrap(),
            Creation::Exists
        );
        let first = store.get("a/b").await.unwrap().unwrap();
        assert_eq!(first.bytes, "1");

        store.put("a/b", "3".into()).await.unwrap();
        assert!(!store.replace("a/b", &first.tag, "4".into()).await.unwrap());
        let third = store.get("a/b").await.unwrap().unwrap();
        assert!(store.replace("a/b", &third.tag, "5".into()).await.unwrap());
        assert_eq!(store.get("a/b").await.unwrap().unwrap().bytes, "5");
        assert!(!store.replace("absent", "tag", "6".into()).await.unwrap());
    });
}

#[test]
fn keys_are_listed_in_order_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    run(async {
        for at in 0..1001 {
            store.put(&format!("b/{at:04}"), "".into()).await.unwrap();
        }
        store.put("c/000.p/7", "".into()).await.unwrap();
        let first = store.list("b/", None).await.unwrap();
        assert_eq!((first.len(), first[0].as_str()), (1000, "b/0000"));
        assert_eq!(store.list("b/", Some("b/0999")).await.unwrap(), ["b/1000"]);
        assert_eq!(store.list("b/", Some("b/1000")).await.unwrap().len(), 0);
        assert_eq!(store.list("c/0", None).await.unwrap(), ["c/000.p/7"]);
        assert_eq!(store.list("absent/", None).await.unwrap().len(), 0);

        let mut found = 0;
        let mut after = None;
        loop {
            let page = store.versions("b/", after.as_ref()).await.unwrap();
            found += page.versions.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, 1001);
    });
}

#[test]
fn a_key_does_not_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    for key in ["../a", "a/../../b", "/etc/passwd", "a//b", "", "a/."] {
        assert!(run(store.get(key)).is_err(), "{key}");
        assert!(run(store.put(key, "".into())).is_err(), "{key}");
    }
}
