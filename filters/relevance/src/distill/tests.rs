//! A whole distillation needs the model and minutes; here it is run on a small corpus, for its form and its direction.

use super::*;
use crate::encoder::cosine;
use crate::encoder::testing::model;
use crate::statics::Table;

#[test]
fn too_little_is_refused() {
    let Some(encoder) = model() else { return };
    let refused = distill(&encoder, &["one sentence".to_owned()], &|_| ()).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|reason| reason.contains("at least 1000 are needed")));
}

#[test]
fn a_table_is_made_saved_and_opened() {
    let pieces: Vec<String> = ["par", "##cel", "box", "cheese"].map(str::to_owned).to_vec();
    let vectors = Matrix {
        size: 4,
        values: vec![0.1, 0.9, 0.0, 0.0, 0.1, 0.4, 0.0, 0.0, 0.2, 1.0, 0.0, 0.1, 1.0, 0.0, 0.3, 0.0],
    };
    let folder = tempfile::tempdir().unwrap();
    Distilled { pieces, vectors }.save(folder.path()).unwrap();
    let table = Table::open(folder.path()).unwrap();
    let near = |one: &str, other: &str| cosine(&table.embed(one), &table.embed(other));
    assert_eq!(table.size(), 4);
    assert!(near("parcel", "box") > 0.9 && near("parcel", "cheese") < 0.3);
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let nowhere = Distilled { pieces: Vec::new(), vectors: Matrix::zero(0, 4) }.save(&file).err();
    assert!(nowhere.is_some_and(|error| error.to_string().contains("cannot be written")));
}
