DROP TABLE city_content;
