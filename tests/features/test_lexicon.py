from features.lexicon import GROUPS, count_phrases, find_phrases, find_unspaced
from features.text import fold, words


def found(text):
    return find_phrases(words(fold(text), 1_000))


def test_a_phrase_is_found_whatever_its_accents_and_case():
    assert found("Bitte BESTÄTIGEN Sie Ihre Angaben")["credentials"] >= {
        ("bestatigen", "sie", "ihre")
    }


def test_distinct_phrases_count_and_repeated_ones_do_not():
    counts = count_phrases(found("wallet wallet Wallet airdrop"))

    assert counts["wallet"] == 2


def test_the_longest_phrase_counts_where_several_start():
    assert found("your mailbox is full")["mailbox"] == {("mailbox", "is", "full")}


def test_words_out_of_order_are_no_phrase():
    assert "credentials" not in found("account your verify")


def test_a_phrase_at_the_very_end_is_found():
    assert found("please verify your account")["credentials"] == {("verify", "your", "account")}


def test_a_phrase_cut_off_by_the_end_is_not():
    assert "credentials" not in found("please verify your")


def test_a_phrase_of_two_groups_counts_in_both():
    both = found("dear friend")

    assert ("dear", "friend") in both["greeting"]
    assert ("dear", "friend") in both["advance_fee"]


def test_every_group_has_a_count_and_findings_are_joined():
    counts = count_phrases(found("airdrop"), found("airdrop and wallet"))

    assert set(counts) == set(GROUPS)
    assert counts["wallet"] == 2
    assert counts["prize"] == 0


def test_a_group_that_is_no_column_counts_and_hides_no_column():
    both = found("change of bank details")

    assert ("change", "of", "bank", "details") in both["payment_request"]
    assert ("change", "of", "bank") in both["invoice"]


def test_the_longest_counts_among_groups_that_are_no_columns():
    assert found("scratch the back of")["gift_card"] == {("scratch", "the", "back", "of")}


def test_russian_is_found_as_folding_leaves_it():
    assert found("Срочный перевод: новые РЕКВИЗИТЫ")["payment_request"] == {
        words(fold("срочный перевод"), 9),
        words(fold("новые реквизиты"), 9),
    }


def unspaced(text):
    return {group: len(phrases) for group, phrases in find_unspaced(fold(text)).items()}


def test_japanese_is_found_without_blanks_in_any_width_and_over_line_breaks():
    assert unspaced("お客様のアカウント\n情報を更新してください。") == {"credentials": 1}
    assert unspaced("ｱｶｳﾝﾄ情報を更新") == {"credentials": 1}


def test_chinese_is_found_in_both_scripts():
    assert unspaced("您的账户已被冻结 请立即处理")["suspension"] == 1
    assert unspaced("您的帳戶已被暫停")["suspension"] == 1


def test_text_of_other_scripts_holds_nothing_unspaced():
    assert unspaced("“Größe” — Ключ к успеху") == {}
    assert unspaced("") == {}


def test_unspaced_phrases_count_with_the_others():
    counts = count_phrases(found("wallet"), find_unspaced(fold("ウォレットとビットコイン")))

    assert counts["wallet"] == 3
